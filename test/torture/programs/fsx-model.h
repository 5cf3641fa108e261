/* What two files must hold, and the comparison with what they do. */
#ifndef FSX_MODEL_H
#define FSX_MODEL_H
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "history.h"
#include "random.h"

#define PAGE 4096

struct file {
  const char *name;
  char path[4096];
  int fd, direct;
  off_t size;           /* as it must be */
  unsigned char *bytes; /* what must be from BASE on: zero from `size` on */
  unsigned char *held;  /* a mapping of [BASE, BASE + LENGTH) that stays, or null */
};

static struct file files[2] = {{.name = "one", .fd = -1, .direct = -1}, {.name = "two", .fd = -1, .direct = -1}};
static off_t base, length, end;
static unsigned char *scratch;

static inline off_t smaller(off_t a, off_t b) { return a < b ? a : b; }
static inline off_t larger(off_t a, off_t b) { return a > b ? a : b; }

static inline void open_file(struct file *file) {
  file->fd = check(open(file->path, O_RDWR | O_CREAT, 0644), "open");
  file->direct = check(open(file->path, O_RDWR | O_DIRECT), "open direct");
}

static inline void close_file(struct file *file) {
  check(close(file->fd), "close");
  check(close(file->direct), "close direct");
}

/* An offset in the window: often where pages and chunks begin or end, or where the file ends. */
static inline off_t some_offset(const struct file *file) {
  static const off_t edges[] = {PAGE, 65536, 262144};
  off_t offset = base + below(length);
  if (one_in(3)) offset = offset / edges[below(3)] * edges[below(3)] + below(3) - 1;
  if (one_in(6)) offset = file->size + below(5) - 2;
  return smaller(larger(offset, base), end - 1);
}

static inline off_t some_length(off_t offset) {
  static const off_t limits[] = {16, PAGE, 3 * PAGE, 70000, 300000};
  return smaller(1 + below(limits[below(5)]), end - offset);
}

static inline void fill(unsigned char *bytes, off_t count) {
  if (one_in(8)) {
    memset(bytes, 0, count);
    return;
  }
  unsigned char first = random_next();
  for (off_t at = 0; at < count; at++) bytes[at] = first + at * 7 + (at >> 8) + step;
}

/* The model: bytes beyond the size are always zero. */
static inline void grow(struct file *file, off_t to) { file->size = larger(file->size, to); }

static inline void put(struct file *file, off_t offset, const unsigned char *bytes, off_t count) {
  memmove(file->bytes + (offset - base), bytes, count);
  grow(file, offset + count);
}

static inline void zero(struct file *file, off_t offset, off_t count) { memset(file->bytes + (offset - base), 0, count); }

static inline void resize(struct file *file, off_t size) {
  if (size < end) {
    off_t from = larger(size, base);
    zero(file, from, end - from);
  }
  file->size = size;
}

static inline void compare(const struct file *file, const char *how, const unsigned char *got, off_t offset, off_t count) {
  const unsigned char *expected = file->bytes + (offset - base);
  if (memcmp(got, expected, count) == 0) return;
  off_t at = 0;
  while (got[at] == expected[at]) at++;
  off_t last = count - 1;
  while (got[last] == expected[last]) last--;
  errno = 0;
  fail("%s: %s differs from %ld to %ld: %02x instead of %02x; size %ld", file->name, how, (long)(offset + at),
       (long)(offset + last), got[at], expected[at], (long)file->size);
}

static inline void compare_size(const struct file *file) {
  struct stat found;
  if (one_in(2)) check(fstat(file->fd, &found), "fstat");
  else check(stat(file->path, &found), "stat");
  errno = 0;
  if (found.st_size != file->size) fail("%s: size %ld instead of %ld", file->name, (long)found.st_size, (long)file->size);
}


#endif
