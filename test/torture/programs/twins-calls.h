/* The system calls of `twins`: what each is called with, and what came of it on either side. */
#ifndef TWINS_CALLS_H
#define TWINS_CALLS_H
#include <dirent.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "history.h"
#include "random.h"

#define SLOTS 8
#define PATH_BYTES 2048
#define DATA_BYTES (1 << 20)
#define PAGE 4096

/* Older than this is a time that was set; younger ones are the clock's, and differ. */
#define SET_BEFORE 1500000000

/* What is told to both sides. */
struct call {
  char path[PATH_BYTES], other[PATH_BYTES];
  char name[32]; /* of an attribute */
  int slot, other_slot;
  int flags;
  mode_t mode;
  off_t offset, other_offset, length;
  unsigned char *bytes;
};

/* What came of it. */
struct outcome {
  long result;
  int error;
  size_t bytes;
  unsigned char *data;
};

struct side {
  int root;
  int directory; /* where paths begin: the root, or a directory that is held open whatever becomes of it */
  int slots[SLOTS];
  struct outcome outcome;
};

static struct call call;

static inline void say(struct side *side, const void *bytes, size_t count) {
  struct outcome *outcome = &side->outcome;
  if (outcome->bytes + count > DATA_BYTES) count = DATA_BYTES - outcome->bytes;
  memcpy(outcome->data + outcome->bytes, bytes, count);
  outcome->bytes += count;
}

/* Paths begin at the working directory, for calls that take no directory. */
static inline void enter(struct side *side) { check(fchdir(side->directory), "fchdir"); }

static inline long write_all(int fd, bool at_offset) {
  long done = 0;
  while (done < call.length) {
    long piece = at_offset ? pwrite(fd, call.bytes + done, call.length - done, call.offset + done)
                           : write(fd, call.bytes + done, call.length - done);
    if (piece < 0) return piece;
    done += piece;
  }
  return done;
}

/* Opens, does something, closes: what close says counts, too. */
static inline long with_open(struct side *side, int flags, long (*work)(struct side *, int)) {
  int fd = openat(side->directory, call.path, flags | O_NONBLOCK, call.mode);
  if (fd < 0) return -1;
  long result = work(side, fd);
  int error = errno;
  long closed = close(fd);
  if (result >= 0) return closed < 0 ? closed : result;
  errno = error;
  return result;
}

static inline long put_here(struct side *side, int fd) { return (void)side, write_all(fd, false); }
static inline long put_there(struct side *side, int fd) { return (void)side, write_all(fd, true); }

static inline long take_all(struct side *side, int fd) {
  long got, all = 0;
  static unsigned char piece[65536];
  while ((got = pread(fd, piece, sizeof piece, all)) > 0) say(side, piece, got), all += got;
  return got < 0 ? got : all;
}

static inline void say_stat(struct side *side, const struct stat *stat) {
  bool sized = !S_ISDIR(stat->st_mode);
  long long facts[] = {stat->st_mode, stat->st_nlink, stat->st_uid, stat->st_gid, sized ? stat->st_size : 0};
  say(side, facts, sizeof facts);
  /* What goes through a pipe does not reach its file system; not even its time does, where FUSE is that. */
  bool was_set = stat->st_mtim.tv_sec < SET_BEFORE && !S_ISFIFO(stat->st_mode);
  long long time[] = {was_set ? stat->st_mtim.tv_sec : 0, was_set ? stat->st_mtim.tv_nsec : 0};
  say(side, time, sizeof time);
}

/* Regular files only, but for what has no name any more that could tell. */
static long do_create(struct side *side) { return with_open(side, O_CREAT | O_EXCL | O_RDWR, put_here); }
static long do_rewrite(struct side *side) { return with_open(side, O_CREAT | O_TRUNC | O_WRONLY, put_here); }
static long do_overwrite(struct side *side) { return with_open(side, O_RDWR, put_there); }
static long do_append(struct side *side) { return with_open(side, O_WRONLY | O_APPEND, put_here); }
static long do_read(struct side *side) { return with_open(side, O_RDONLY, take_all); }
/* Whether a file that is cut to the length it has counts as changed is not said anywhere: disks and FUSE differ. */
static long do_truncate(struct side *side) {
  struct stat found;
  if (fstatat(side->directory, call.path, &found, 0) == 0 && found.st_size == call.offset) return 0;
  return enter(side), truncate(call.path, call.offset);
}
static long do_unlink(struct side *side) { return unlinkat(side->directory, call.path, 0); }
static long do_rmdir(struct side *side) { return unlinkat(side->directory, call.path, AT_REMOVEDIR); }
static long do_mkdir(struct side *side) { return mkdirat(side->directory, call.path, call.mode); }
static long do_fifo(struct side *side) { return mknodat(side->directory, call.path, S_IFIFO | call.mode, 0); }
static long do_symlink(struct side *side) { return symlinkat(call.other, side->directory, call.path); }
static long do_link(struct side *side) {
  return linkat(side->directory, call.path, side->directory, call.other, 0);
}
static long do_link_open(struct side *side) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", side->slots[call.slot]);
  return linkat(AT_FDCWD, path, side->directory, call.path, AT_SYMLINK_FOLLOW);
}
static long do_rename(struct side *side) {
  return renameat2(side->directory, call.path, side->directory, call.other, call.flags);
}
static long do_chmod(struct side *side) { return fchmodat(side->directory, call.path, call.mode, 0); }
static long do_chown(struct side *side) {
  return fchownat(side->directory, call.path, call.offset, call.other_offset, AT_SYMLINK_NOFOLLOW);
}
static long do_times(struct side *side) {
  struct timespec times[2] = {{.tv_sec = call.offset, .tv_nsec = 1}, {.tv_sec = call.offset, .tv_nsec = call.other_offset}};
  return utimensat(side->directory, call.path, times, AT_SYMLINK_NOFOLLOW);
}
static long do_access(struct side *side) { return faccessat(side->directory, call.path, call.flags, 0); }

static long do_readlink(struct side *side) {
  char target[PATH_BYTES];
  long length = readlinkat(side->directory, call.path, target, sizeof target);
  if (length > 0) say(side, target, length);
  return length;
}

static long do_stat(struct side *side) {
  struct stat found;
  if (fstatat(side->directory, call.path, &found, call.flags) < 0) return -1;
  say_stat(side, &found);
  return 0;
}

static long do_setxattr(struct side *side) {
  return enter(side), lsetxattr(call.path, call.name, call.bytes, call.length, call.flags);
}
static long do_removexattr(struct side *side) { return enter(side), lremovexattr(call.path, call.name); }
static long do_getxattr(struct side *side) {
  char value[PAGE];
  enter(side);
  long length = lgetxattr(call.path, call.name, value, call.flags ? sizeof value : 10);
  if (length > 0) say(side, value, length);
  return length;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Names in order. What is not a `user.` attribute belongs to the system. */
static long do_listxattr(struct side *side) {
  char list[65536], *names[1000];
  int count = 0;
  enter(side);
  long length = llistxattr(call.path, list, sizeof list);
  if (length < 0) return length;
  for (char *name = list; name < list + length && count < 1000; name += strlen(name) + 1)
    if (strncmp(name, "user.", 5) == 0) names[count++] = name;
  qsort(names, count, sizeof *names, by_text);
  for (int at = 0; at < count; at++) say(side, names[at], strlen(names[at]) + 1);
  return count;
}

/* Kind and name of each entry, in order. */
static long do_list(struct side *side) {
  static char entries[1000][300];
  char *order[1000];
  int fd = openat(side->directory, call.path, O_RDONLY | O_DIRECTORY), count = 0;
  if (fd < 0) return -1;
  DIR *directory = fdopendir(fd);
  for (struct dirent *entry; count < 1000 && (entry = readdir(directory)) != NULL; count++) {
    snprintf(entries[count], sizeof *entries, "%s/%d", entry->d_name, entry->d_type);
    order[count] = entries[count];
  }
  closedir(directory);
  qsort(order, count, sizeof *order, by_text);
  for (int at = 0; at < count; at++) say(side, order[at], strlen(order[at]) + 1);
  return count;
}

static long do_open(struct side *side) {
  int fd = openat(side->directory, call.path, call.flags | O_NONBLOCK, call.mode);
  if (fd < 0) return -1;
  if (side->slots[call.slot] >= 0) close(side->slots[call.slot]);
  side->slots[call.slot] = fd;
  return 0;
}
static long do_close(struct side *side) {
  int fd = side->slots[call.slot];
  side->slots[call.slot] = -1;
  return close(fd);
}
static long do_pread(struct side *side) {
  static unsigned char bytes[400000];
  long got = pread(side->slots[call.slot], bytes, call.length, call.offset);
  if (got > 0) say(side, bytes, got);
  return got;
}
static long do_pwrite(struct side *side) { return write_all(side->slots[call.slot], true); }
static long do_ftruncate(struct side *side) { return ftruncate(side->slots[call.slot], call.offset); }
static long do_fsync(struct side *side) { return fsync(side->slots[call.slot]); }
static long do_fallocate(struct side *side) {
  return fallocate(side->slots[call.slot], call.flags, call.offset, call.length);
}
/* A pipe is opened without the file system's knowledge, which so cannot keep one that has no name any more. */
static long do_fchmod(struct side *side) {
  struct stat found;
  if (fstat(side->slots[call.slot], &found) < 0) return -1;
  return S_ISFIFO(found.st_mode) ? 0 : fchmod(side->slots[call.slot], call.mode);
}
static long do_fstat(struct side *side) {
  struct stat found;
  if (fstat(side->slots[call.slot], &found) < 0) return -1;
  say_stat(side, &found);
  return 0;
}
/* How much is copied in one go is the file system's own affair: all of it is. */
static long do_copy(struct side *side) {
  long done = 0;
  while (done < call.length) {
    loff_t from = call.offset + done, to = call.other_offset + done;
    long piece = copy_file_range(side->slots[call.slot], &from, side->slots[call.other_slot], &to, call.length - done, 0);
    if (piece < 0) return done > 0 ? done : -1;
    if (piece == 0) break;
    done += piece;
  }
  return done;
}
/* Changes through a mapping what there is of a file. */
static long do_mapped_write(struct side *side) {
  struct stat found;
  int fd = side->slots[call.slot];
  if (fstat(fd, &found) < 0) return -1;
  if (!S_ISREG(found.st_mode) || found.st_size == 0) return 0;
  unsigned char *bytes = mmap(NULL, found.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) return -1;
  off_t from = call.offset % found.st_size;
  off_t count = call.length < found.st_size - from ? call.length : found.st_size - from;
  memcpy(bytes + from, call.bytes, count);
  return munmap(bytes, found.st_size);
}

/* From now on paths begin in that directory, or at the root again. */
static long do_move_into(struct side *side) {
  if (side->directory != side->root) close(side->directory);
  side->directory = side->root;
  int fd = call.flags ? openat(side->root, call.path, O_RDONLY | O_DIRECTORY) : side->root;
  if (fd < 0) return -1;
  side->directory = fd;
  return 0;
}

#endif
