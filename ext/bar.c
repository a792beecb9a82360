/* bar.c -- a line on a terminal that shows how far a long statement is.
** Layer: ext. Uses: bert.h, ext.h, bar.h.
**
**    bar_begin(&b, BAR_ON, "notes_index rebuild");
**    bar_update(&b, 20000, 50000, 170, "20000 rows, 170 rows/s");
**
**    notes_index rebuild [############------------------]  40 %  2:56 left, 20000 rows, 170 rows/s
**
** Written to standard error, as standard output has the query's rows, and as plain text between a carriage return and
** blanks: no escape sequences, and a title's control characters are shown as `?`. A line is cut to the terminal's width. */
#include "bar.h"

#include "ext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef _WIN32
#include <sys/ioctl.h>
#include <unistd.h>
#endif

static const double SECONDS_APART = 0.1;

static int is_terminal(void) {
#ifdef _WIN32
  return 0;
#else
  return isatty(2);
#endif
}

/* Columns of the terminal. */
static int width(void) {
#if defined TIOCGWINSZ
  struct winsize w;
  if (!ioctl(2, TIOCGWINSZ, &w) && w.ws_col > 0) return w.ws_col;
#endif
  return 80;
}

static void set_text(char *to, size_t room, const char *from) {
  sqlite3_snprintf((int)room, to, "%s", from ? from : "");
  for (char *at = to; *at; at++)
    if ((unsigned char)*at < 32 || *at == 127) *at = '?';
}

/* "2:56 left, ", "1:02:56 left, ", or "" where that is unknown. */
static void say_left(char *out, size_t room, const Bar *b) {
  *out = 0;
  if (b->rate <= 0 || b->total <= 0 || b->done >= b->total) return;
  double left = (b->total - b->done) / b->rate;
  if (left >= 1e9) return;
  int s = (int)(left + 0.5);
  if (s >= 3600) sqlite3_snprintf((int)room, out, "%d:%02d:%02d left, ", s / 3600, s / 60 % 60, s % 60);
  else sqlite3_snprintf((int)room, out, "%d:%02d left, ", s / 60, s % 60);
}

/* Cuts a line to a number of characters, and gives how many it has. */
static size_t fit(char *line, size_t most) {
  size_t characters = 0;
  for (char *at = line; *at; at++) {
    if (((unsigned char)*at & 0xC0) == 0x80) continue;
    if (characters++ == most) {
      *at = 0;
      return most;
    }
  }
  return characters;
}

static void draw(Bar *b) {
  enum { MARKS = 30, WIDE = 100 };
  char line[320], left[40], share[8] = "  ?";
  double part = b->total > 0 ? b->done / b->total : 0;
  if (!(part >= 0)) part = 0;
  if (part > 1) part = 1;
  int columns = width(), marks = columns < WIDE ? MARKS / 2 : MARKS, full = (int)(part * marks);
  if (b->total > 0) sqlite3_snprintf(sizeof share, share, "%3d", (int)(part * 100));
  say_left(left, sizeof left, b);
  sqlite3_snprintf(sizeof line, line, "%s [%.*s%.*s] %s %%  %s%s", b->title, full, "##############################",
                   marks - full, "------------------------------", share, left, b->text);
  size_t length = fit(line, (size_t)columns - 1), before = b->length;
  fprintf(stderr, "\r%s%*s", line, before > length ? (int)(before - length) : 0, "");
  fflush(stderr);
  b->length = length;
  b->shown = bar_clock();
}

double bar_clock(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void bar_begin(Bar *b, int wanted, const char *title) {
  const char *said = getenv("BERT_PROGRESS");
  memset(b, 0, sizeof *b);
  if (wanted == BAR_UNSAID) wanted = said && *said == '1' ? BAR_ON : BAR_OFF;
  if (said && *said == '0') wanted = BAR_OFF;
  b->is_on = wanted != BAR_OFF && is_terminal();
  set_text(b->title, sizeof b->title, title);
}

void bar_update(Bar *b, double done, double total, double rate, const char *text) {
  if (!b->is_on) return;
  b->done = done;
  b->total = total;
  b->rate = rate;
  set_text(b->text, sizeof b->text, text);
  if (bar_clock() - b->shown >= SECONDS_APART) draw(b);
}

void bar_end(Bar *b) {
  if (!b->is_on) return;
  draw(b);
  fputc('\n', stderr);
  b->is_on = 0;
}
