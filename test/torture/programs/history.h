/* The last operations of a program, told when it fails. */
#ifndef HISTORY_H
#define HISTORY_H
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_LINES 60
#define HISTORY_LINE_BYTES 400

static char history[HISTORY_LINES][HISTORY_LINE_BYTES];
static long step;

/* What this step is about to do. */
__attribute__((format(printf, 1, 2))) static inline void note(const char *format, ...) {
  char *line = history[step % HISTORY_LINES];
  int used = snprintf(line, HISTORY_LINE_BYTES, "%ld: ", step);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line + used, HISTORY_LINE_BYTES - used, format, arguments);
  va_end(arguments);
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void fail(const char *format, ...) {
  int error = errno;
  for (long at = step < HISTORY_LINES ? 0 : step - HISTORY_LINES + 1; at <= step; at++)
    fprintf(stderr, "%s\n", history[at % HISTORY_LINES]);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, " (errno %d, %s)\n", error, strerror(error));
  exit(1);
}

/* Fails if a call has; else gives what it gave. */
static inline long check(long result, const char *call) {
  if (result < 0) fail("%s failed", call);
  return result;
}

#endif
