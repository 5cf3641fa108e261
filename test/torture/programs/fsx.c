/*
 * Two files under every way there is of changing a file, and a copy of them in memory that each operation is compared with
 * (the idea is fsx's, of NeXT and Apple).
 *
 *     fsx DIRECTORY SEED OPERATIONS BASE LENGTH
 *
 * Only bytes from BASE on are written, LENGTH of them; what is before is a hole. Nothing but `one` and `two` is made in
 * DIRECTORY. At the end what they must hold stands in `one.expected` and `two.expected` in the working directory. On a
 * difference: 1, and the last operations on standard error.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <sys/mman.h>

#include "fsx-model.h"

static void read_from(struct file *file, int fd, const char *how, off_t offset, off_t count) {
  off_t expected = smaller(larger(file->size - offset, 0), count);
  off_t got = 0;
  while (got < count) {
    long piece = check(pread(fd, scratch + got, count - got, offset + got), how);
    if (piece == 0) break;
    got += piece;
  }
  errno = 0;
  if (got != expected) fail("%s: %s of %ld bytes at %ld gave %ld", file->name, how, (long)count, (long)offset, (long)got);
  compare(file, how, scratch, offset, got);
}

static void compare_all(struct file *file) {
  compare_size(file);
  read_from(file, file->fd, "reading all", base, length);
}

static void read_some(struct file *file) {
  off_t offset = some_offset(file), count = some_length(offset);
  note("%s read %ld at %ld", file->name, (long)count, (long)offset);
  read_from(file, file->fd, "read", offset, count);
}

static void write_to(struct file *file, int fd, const char *how, off_t offset, off_t count) {
  note("%s %s %ld at %ld, size %ld", file->name, how, (long)count, (long)offset, (long)file->size);
  fill(scratch, count);
  for (off_t done = 0; done < count;) done += check(pwrite(fd, scratch + done, count - done, offset + done), how);
  put(file, offset, scratch, count);
}

static void write_some(struct file *file) {
  off_t offset = some_offset(file);
  write_to(file, file->fd, "write", offset, some_length(offset));
}

static void append(struct file *file) {
  off_t offset = file->size, count;
  if (offset < base || offset >= end) return;
  count = some_length(offset);
  note("%s append %ld to %ld", file->name, (long)count, (long)offset);
  fill(scratch, count);
  int fd = check(open(file->path, O_WRONLY | O_APPEND), "open to append");
  for (off_t done = 0; done < count;) done += check(write(fd, scratch + done, count - done), "append");
  check(close(fd), "close");
  put(file, offset, scratch, count);
}

static off_t page_range(struct file *file, off_t *count) {
  off_t offset = some_offset(file) / PAGE * PAGE;
  if (offset < base) offset += PAGE;
  *count = (some_length(offset) + PAGE - 1) / PAGE * PAGE;
  if (offset + *count > end) *count = (end - offset) / PAGE * PAGE;
  return offset;
}

static void read_direct(struct file *file) {
  off_t count, offset = page_range(file, &count);
  note("%s direct read %ld at %ld", file->name, (long)count, (long)offset);
  read_from(file, file->direct, "direct read", offset, count);
}

static void write_direct(struct file *file) {
  off_t count, offset = page_range(file, &count);
  write_to(file, file->direct, "direct write", offset, count);
}

static void truncate_some(struct file *file) {
  off_t size = one_in(12) ? below(2) * base : one_in(20) ? end : some_offset(file);
  note("%s truncate from %ld to %ld", file->name, (long)file->size, (long)size);
  if (one_in(2)) check(ftruncate(file->fd, size), "ftruncate");
  else check(truncate(file->path, size), "truncate");
  resize(file, size);
}

/* The mapping to use for [offset, offset + count), and what to unmap afterwards (null: nothing). */
static unsigned char *map(struct file *file, off_t offset, off_t count, unsigned char **mapped) {
  *mapped = NULL;
  if (file->held != NULL && one_in(2)) return file->held + (offset - base);
  off_t from = offset / PAGE * PAGE;
  *mapped = mmap(NULL, offset + count - from, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, from);
  if (*mapped == MAP_FAILED) fail("mmap failed");
  return *mapped + (offset - from);
}

static void unmap(unsigned char *mapped, off_t offset, off_t count) {
  if (mapped != NULL) check(munmap(mapped, count + offset % PAGE), "munmap");
}

static void read_mapped(struct file *file) {
  unsigned char *mapped;
  off_t offset = some_offset(file), count = smaller(some_length(offset), file->size - offset);
  if (count <= 0) return;
  note("%s mapped read %ld at %ld", file->name, (long)count, (long)offset);
  unsigned char *bytes = map(file, offset, count, &mapped);
  memcpy(scratch, bytes, count);
  compare(file, "mapped read", scratch, offset, count);
  unmap(mapped, offset, count);
}

static void write_mapped(struct file *file) {
  unsigned char *mapped;
  off_t offset = some_offset(file), count = some_length(offset);
  note("%s mapped write %ld at %ld, size %ld", file->name, (long)count, (long)offset, (long)file->size);
  if (offset + count > file->size) {
    check(ftruncate(file->fd, offset + count), "ftruncate");
    resize(file, offset + count);
  }
  unsigned char *bytes = map(file, offset, count, &mapped);
  fill(scratch, count);
  memcpy(bytes, scratch, count);
  put(file, offset, scratch, count);
  unsigned char *page = bytes - (uintptr_t)bytes % PAGE;
  if (one_in(4)) check(msync(page, bytes + count - page, one_in(2) ? MS_SYNC : MS_ASYNC), "msync");
  unmap(mapped, offset, count);
}

static void hold(struct file *file) {
  note("%s %s", file->name, file->held ? "unmap what is held" : "map and hold");
  if (file->held != NULL) {
    check(munmap(file->held, length), "munmap");
    file->held = NULL;
    return;
  }
  file->held = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, base);
  if (file->held == MAP_FAILED) fail("mmap failed");
}

static void allocate(struct file *file) {
  static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
                              FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
  off_t offset = some_offset(file), count = some_length(offset);
  int mode = modes[below(5)];
  note("%s fallocate %d %ld at %ld, size %ld", file->name, mode, (long)count, (long)offset, (long)file->size);
  check(fallocate(file->fd, mode, offset, count), "fallocate");
  if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) zero(file, offset, count);
  if (!(mode & FALLOC_FL_KEEP_SIZE)) grow(file, offset + count);
}

static void copy(struct file *to) {
  struct file *from = &files[below(2)];
  off_t source = some_offset(from), target = some_offset(to);
  off_t wanted = smaller(some_length(larger(source, target)), from->size - source);
  if (one_in(2)) source = source / 65536 * 65536, target = target / 65536 * 65536;
  if (source < base || target < base || wanted <= 0) return;
  if (from == to && source < target + wanted && target < source + wanted) return;
  note("%s copy %ld at %ld to %s at %ld, size %ld", from->name, (long)wanted, (long)source, to->name, (long)target,
       (long)to->size);
  for (off_t done = 0; done < wanted;) {
    loff_t at = source + done, into = target + done;
    long piece = check(copy_file_range(from->fd, &at, to->fd, &into, wanted - done, 0), "copy_file_range");
    errno = 0;
    if (piece == 0) fail("copy_file_range ended %ld bytes early", (long)(wanted - done));
    done += piece;
  }
  put(to, target, from->bytes + (source - base), wanted);
}

/* What is said to be a hole has to be zero, and nothing lies beyond the end. */
static void seek(struct file *file) {
  off_t offset = some_offset(file);
  note("%s seek from %ld, size %ld", file->name, (long)offset, (long)file->size);
  off_t data = lseek(file->fd, offset, SEEK_DATA);
  if (data < 0 && errno != ENXIO) fail("lseek failed");
  if (data >= 0 && (data < offset || data >= file->size)) fail("data at %ld", (long)data);
  off_t until = smaller(data < 0 ? file->size : data, end);
  for (off_t at = offset; at < until; at++)
    if (file->bytes[at - base] != 0) fail("%s: data at %ld is said to be a hole", file->name, (long)at);
  off_t hole = lseek(file->fd, offset, SEEK_HOLE);
  if (offset < file->size && (hole < offset || hole > file->size)) fail("a hole at %ld", (long)hole);
}

static void sync_file(struct file *file) {
  note("%s sync", file->name);
  check(one_in(2) ? fsync(file->fd) : fdatasync(file->fd), "fsync");
}

static void reopen(struct file *file) {
  note("%s reopen", file->name);
  close_file(file);
  open_file(file);
}

static void forget_pages(struct file *file) {
  note("%s forget its pages", file->name);
  check(fsync(file->fd), "fsync");
  check(posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED), "posix_fadvise");
}

/* Pages, names and inodes of the whole machine. Only root may. */
static void drop_caches(struct file *file) {
  note("%s drop caches", file->name);
  int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
  if (fd < 0) return;
  check(write(fd, "3", 1), "drop_caches");
  close(fd);
}

struct operation {
  void (*run)(struct file *file);
  int weight; /* of 10,000 or so */
};

static const struct operation operations[] = {
    {read_some, 1500}, {write_some, 1500}, {append, 400},     {read_direct, 500}, {write_direct, 400}, {truncate_some, 700},
    {read_mapped, 1000}, {write_mapped, 1000}, {hold, 100}, {allocate, 800}, {copy, 600}, {seek, 300}, {sync_file, 200},
    {reopen, 300}, {forget_pages, 300}, {drop_caches, 1},
};
#define KINDS (sizeof operations / sizeof *operations)

static void perform(void) {
  static int total;
  if (total == 0)
    for (size_t kind = 0; kind < KINDS; kind++) total += operations[kind].weight;
  off_t left = below(total);
  size_t kind = 0;
  while (left >= operations[kind].weight) left -= operations[kind++].weight;
  struct file *file = &files[one_in(4)];
  operations[kind].run(file);
  compare_size(file);
}

static void keep_expected(const struct file *file) {
  char name[16];
  snprintf(name, sizeof name, "%s.expected", file->name);
  int fd = check(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644), "open");
  check(ftruncate(fd, file->size), "ftruncate");
  off_t count = larger(file->size - base, 0);
  for (off_t done = 0; done < count;) done += check(pwrite(fd, file->bytes + done, count - done, base + done), "pwrite");
  check(close(fd), "close");
}

int main(int count, char **words) {
  if (count != 6) return 2;
  random_seed(words[2]);
  long steps = atol(words[3]);
  base = atol(words[4]) / PAGE * PAGE;
  length = atol(words[5]) / PAGE * PAGE;
  end = base + length;
  scratch = aligned_alloc(PAGE, length);
  for (int which = 0; which < 2; which++) {
    struct file *file = &files[which];
    snprintf(file->path, sizeof file->path, "%s/%s", words[1], file->name);
    file->bytes = calloc(1, length);
    unlink(file->path);
    open_file(file);
  }
  for (step = 0; step < steps; step++) {
    perform();
    if (step % 1000 == 999) compare_all(&files[0]), compare_all(&files[1]);
  }
  for (int which = 0; which < 2; which++) {
    compare_all(&files[which]);
    close_file(&files[which]);
    keep_expected(&files[which]);
  }
  return 0;
}
