/* bar.h -- a line on a terminal that shows how far a long statement is.
** Layer: ext. Uses: bert.h. */
#ifndef BAR_H
#define BAR_H

#include <stddef.h>

enum { BAR_UNSAID = -1, BAR_OFF, BAR_ON };

typedef struct {
  int is_on;            /* all else is idle where it is not */
  char title[80], text[80];
  double done, total, rate;
  double shown;         /* when, by bar_clock */
  size_t length;        /* of the line that stands there */
} Bar;

/* Seconds of some clock, for rates. */
double bar_clock(void);

/* `wanted`: an option's word, or BAR_UNSAID, where the environment's BERT_PROGRESS=1 asks for bars and all else for none.
** BERT_PROGRESS=0, or a standard error that is no terminal, switches any off. */
void bar_begin(Bar *b, int wanted, const char *title);
/* `done` of `total` (0: unknown) at `rate` a second (0: unknown); `text`, or NULL, stands behind. Draws at most ten times a
** second; bar_end draws the last state. */
void bar_update(Bar *b, double done, double total, double rate, const char *text);
void bar_end(Bar *b);

#endif
