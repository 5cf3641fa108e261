/*
 * The same calls to two directories, and whatever they answer compared: results, errors, content, attributes, listings.
 *
 *     twins LEFT RIGHT SEED OPERATIONS
 *     twins LEFT -     SEED OPERATIONS
 *
 * The second form is for several at once in one directory, where nobody knows what the answer must be: only that it is
 * none that says the file system is broken. On a difference: 1, and the last operations on standard error.
 */
#define _GNU_SOURCE
#include "twins-calls.h"

static const char *const DIRECTORIES[] = {"d", "e.f", "g.f~"};
static const char *const NAMES[] = {"a", "a.f", "a.f.f", "b", "b.f~", "c.f", "prog", "\xc3\xa9", ".hidden", "d", "e.f", "g.f~",
                                    "odd\xff\x01name", "long name long name long name long name long name long name long name.txt"};
static const char *const ATTRIBUTES[] = {"user.color", "user.empty", "user.long"};
#define COUNT(list) (off_t)(sizeof(list) / sizeof *(list))
#define PICK(list) (list)[below(COUNT(list))]

#define COMPARE_EVERY 500

static struct side sides[2];
static int side_count;
static bool is_open[SLOTS], is_below;
static unsigned char noise[1 << 20];

static void draw_path(char *path) {
  size_t used = 0;
  for (off_t depth = below(3); depth > 0; depth--) used += snprintf(path + used, PATH_BYTES - used, "%s/", PICK(DIRECTORIES));
  snprintf(path + used, PATH_BYTES - used, "%s", PICK(NAMES));
}

static off_t draw_offset(void) {
  static const off_t edges[] = {0, 1, 3600, PAGE, 65536, 131072, 200000};
  off_t offset = PICK(edges) + (one_in(2) ? 0 : below(2001) - 1000);
  return offset < 0 ? 0 : offset;
}

static void draw_bytes(void) {
  static const off_t lengths[] = {0, 1, 100, 3500, 5000, 65536, 70000};
  call.length = one_in(20) ? 300000 : PICK(lengths);
  call.bytes = noise + below(sizeof noise - 300000);
}

static bool draw_slot(int *slot) {
  for (int tries = 0; tries < 10; tries++)
    if (is_open[*slot = below(SLOTS)]) return true;
  return false;
}

enum kind { PATHS, BYTES, OFFSET, MODE, ATTRIBUTE, SLOT, TWO_SLOTS, OPENING, RENAMING, TIMES, OWNERS, STATS, SPACE, ACCESS, ENTERING };

struct operation {
  const char *name;
  long (*run)(struct side *side);
  int weight;
  enum kind kind;
};

#define OPERATION(name, weight, kind) {#name, do_##name, weight, kind}
static const struct operation operations[] = {
    OPERATION(create, 8, BYTES),      OPERATION(rewrite, 6, BYTES),     OPERATION(overwrite, 8, BYTES),
    OPERATION(append, 6, BYTES),      OPERATION(read, 8, PATHS),        OPERATION(truncate, 5, OFFSET),
    OPERATION(unlink, 7, PATHS),      OPERATION(rename, 12, RENAMING),  OPERATION(link, 6, PATHS),
    OPERATION(link_open, 2, SLOT),    OPERATION(symlink, 3, PATHS),     OPERATION(readlink, 2, PATHS),
    OPERATION(mkdir, 5, MODE),        OPERATION(rmdir, 4, PATHS),       OPERATION(fifo, 1, MODE),
    OPERATION(chmod, 3, MODE),        OPERATION(chown, 2, OWNERS),      OPERATION(times, 4, TIMES),
    OPERATION(setxattr, 4, ATTRIBUTE), OPERATION(getxattr, 3, ATTRIBUTE), OPERATION(removexattr, 2, ATTRIBUTE),
    OPERATION(listxattr, 2, PATHS),   OPERATION(stat, 8, STATS),        OPERATION(access, 2, ACCESS),
    OPERATION(list, 4, PATHS),        OPERATION(open, 8, OPENING),      OPERATION(close, 6, SLOT),
    OPERATION(pread, 6, SLOT),        OPERATION(pwrite, 8, SLOT),       OPERATION(ftruncate, 4, SLOT),
    OPERATION(fsync, 2, SLOT),        OPERATION(fallocate, 4, SPACE),   OPERATION(fchmod, 1, SLOT),
    OPERATION(fstat, 4, SLOT),        OPERATION(copy, 4, TWO_SLOTS),    OPERATION(mapped_write, 3, SLOT),
    OPERATION(move_into, 2, ENTERING),
};

/* dfs keeps a regular file under another name than anything else, so that it cannot exchange the two in one step. */
static bool can_exchange(void) {
  struct stat one, other;
  const struct side *side = &sides[0];
  if (fstatat(side->directory, call.path, &one, AT_SYMLINK_NOFOLLOW) < 0) return true;
  if (fstatat(side->directory, call.other, &other, AT_SYMLINK_NOFOLLOW) < 0) return true;
  return S_ISREG(one.st_mode) == S_ISREG(other.st_mode);
}

/* Draws what the call is told; false if it makes no sense now. */
static bool draw(const struct operation *operation) {
  static const int spaces[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE};
  static const int openings[] = {O_RDONLY, O_RDWR, O_RDWR, O_RDWR | O_CREAT, O_WRONLY, O_RDWR | O_TRUNC, O_RDONLY | O_NOFOLLOW};
  static const int renamings[] = {0, 0, 0, 0, 1 /* NOREPLACE */, 2 /* EXCHANGE */};
  draw_path(call.path);
  draw_path(call.other);
  draw_bytes();
  call.slot = below(SLOTS);
  call.offset = draw_offset();
  call.other_offset = draw_offset();
  call.mode = below(01000) | 0600;
  call.flags = 0;
  switch (operation->kind) {
  case SLOT: return draw_slot(&call.slot);
  case TWO_SLOTS:
    if (one_in(2)) call.offset = call.offset / 65536 * 65536, call.other_offset = call.other_offset / 65536 * 65536;
    return draw_slot(&call.slot) && draw_slot(&call.other_slot);
  case SPACE: return call.flags = PICK(spaces), draw_slot(&call.slot);
  case OPENING: return call.flags = PICK(openings), true;
  case RENAMING: return call.flags = PICK(renamings), call.flags != 2 || can_exchange();
  case TIMES: return call.offset = 1 + below(SET_BEFORE - 2), call.other_offset = below(1000000000), true;
  case OWNERS: return call.offset = below(3), call.other_offset = below(3), true;
  case STATS: return call.flags = one_in(2) ? AT_SYMLINK_NOFOLLOW : 0, true;
  case ACCESS: return call.flags = below(8), true;
  case ENTERING: return call.flags = is_below = one_in(2), true;
  case ATTRIBUTE:
    snprintf(call.name, sizeof call.name, "%s", PICK(ATTRIBUTES));
    call.length = call.length > 900 ? 900 : call.length;
    call.flags = below(3);
    return true;
  default: return true;
  }
}

static void run(const struct operation *operation, struct side *side) {
  struct outcome *outcome = &side->outcome;
  outcome->bytes = 0;
  errno = 0;
  outcome->result = operation->run(side);
  outcome->error = outcome->result < 0 ? errno : 0;
}

/* What no operation here may ever be answered with. */
static void check_sane(const struct operation *operation, const struct outcome *outcome) {
  static const int broken[] = {EIO, ENOTCONN, ENOSYS, EPROTO, EUCLEAN, EFAULT, EBADMSG, ENOTSUP, ECONNABORTED};
  if (outcome->error == ENOTSUP && call.flags == 2) return; /* between `can_exchange` and now */
  for (off_t at = 0; at < COUNT(broken); at++)
    if (outcome->error == broken[at]) errno = broken[at], fail("%s", operation->name);
}

/* The bytes from `at` on, the last one first: a number, if they are one. */
static void show(char *text, const struct outcome *outcome, size_t at) {
  *text = 0;
  for (size_t end = at + 8; end > at; end--)
    if (end <= outcome->bytes) text += sprintf(text, "%02x", outcome->data[end - 1]);
}

static void compare(const struct operation *operation) {
  const struct outcome *left = &sides[0].outcome, *right = &sides[1].outcome;
  errno = 0;
  if (left->result != right->result || left->error != right->error)
    fail("%s: %ld (%s) instead of %ld (%s)", operation->name, left->result, strerror(left->error), right->result,
         strerror(right->error));
  size_t shorter = left->bytes < right->bytes ? left->bytes : right->bytes, at = 0;
  while (at < shorter && left->data[at] == right->data[at]) at++;
  if (at == shorter && left->bytes == right->bytes) return;
  char was[40], is[40];
  show(is, left, at);
  show(was, right, at);
  fail("%s: %zu bytes instead of %zu, from %zu on %s instead of %s", operation->name, left->bytes, right->bytes, at, is, was);
}

static void perform(const struct operation *operation) {
  /* Where others cut files, a mapping may end under its writer's feet: that is SIGBUS, on any disk. */
  if (side_count == 1 && operation->run == do_mapped_write) return;
  if (!draw(operation)) return;
  note("%s %s -> %s, slots %d, %d, flags %d, mode %o, offsets %ld, %ld, length %ld%s", operation->name, call.path, call.other,
       call.slot, call.other_slot, call.flags, call.mode, (long)call.offset, (long)call.other_offset, (long)call.length,
       is_below ? ", below a directory" : "");
  for (int at = 0; at < side_count; at++) run(operation, &sides[at]);
  if (side_count == 2) compare(operation);
  else check_sane(operation, &sides[0].outcome);
  if (operation->run == do_open && sides[0].outcome.result >= 0) is_open[call.slot] = true;
  if (operation->run == do_close) is_open[call.slot] = false;
}

/* Everything in a directory that both sides have; what its attributes are was seen before. */
static void compare_tree(const char *path) {
  static const struct operation list = OPERATION(list, 0, PATHS), look = OPERATION(stat, 0, PATHS),
                                read = OPERATION(read, 0, PATHS), follow = OPERATION(readlink, 0, PATHS),
                                attributes = OPERATION(listxattr, 0, PATHS);
  snprintf(call.path, sizeof call.path, "%s", path);
  note("comparing %s", path);
  call.flags = AT_SYMLINK_NOFOLLOW;
  for (int at = 0; at < 2; at++) run(&look, &sides[at]);
  compare(&look);
  long long mode;
  memcpy(&mode, sides[0].outcome.data, sizeof mode);
  for (int at = 0; at < 2; at++) run(&attributes, &sides[at]);
  compare(&attributes);
  const struct operation *more = S_ISDIR(mode) ? &list : S_ISLNK(mode) ? &follow : S_ISREG(mode) ? &read : NULL;
  if (more == NULL) return;
  for (int at = 0; at < 2; at++) run(more, &sides[at]);
  compare(more);
  if (more != &list) return;
  size_t bytes = sides[0].outcome.bytes;
  char *entries = malloc(bytes + 1), inner[PATH_BYTES];
  memcpy(entries, sides[0].outcome.data, bytes);
  for (char *entry = entries; entry < entries + bytes; entry += strlen(entry) + 1) {
    *strrchr(entry, '/') = 0; /* the kind; its text is skipped, too */
    if (strcmp(entry, ".") != 0 && strcmp(entry, "..") != 0) {
      snprintf(inner, sizeof inner, "%s/%s", path, entry);
      compare_tree(inner);
    }
    entry += strlen(entry) + 1;
  }
  free(entries);
}

static void compare_all(void) {
  call.flags = is_below = false;
  for (int at = 0; at < 2; at++) do_move_into(&sides[at]);
  compare_tree(".");
}

int main(int count, char **words) {
  if (count != 5) return 2;
  random_seed(words[3]);
  umask(022);
  side_count = strcmp(words[2], "-") == 0 ? 1 : 2;
  for (size_t at = 0; at < sizeof noise; at++) noise[at] = random_next();
  for (int at = 0; at < side_count; at++) {
    struct side *side = &sides[at];
    side->root = side->directory = check(open(words[1 + at], O_RDONLY | O_DIRECTORY), "open");
    side->outcome.data = malloc(DATA_BYTES);
    for (int slot = 0; slot < SLOTS; slot++) side->slots[slot] = -1;
  }
  int total = 0;
  for (off_t kind = 0; kind < COUNT(operations); kind++) total += operations[kind].weight;
  long steps = atol(words[4]);
  for (step = 0; step < steps; step++) {
    off_t left = below(total), kind = 0;
    while (left >= operations[kind].weight) left -= operations[kind++].weight;
    perform(&operations[kind]);
    if (side_count == 2 && (step % COMPARE_EVERY == COMPARE_EVERY - 1 || step == steps - 1)) compare_all();
  }
  return 0;
}
