/* window.h -- a long text as windows of tokens that begin and end with words.
** Layer: model. Uses: base text. */
#ifndef MODEL_WINDOW_H
#define MODEL_WINDOW_H

#include "text/tokenizer.h"

/* Where the window that starts at `from` ends (tokens from … end-1): as many of the tokens before `last` as there is
** room for, less those of a word that goes on past it, unless that word began the window. */
int window_end(const Encoding *c, int from, int last, int room);

/* Where the window after from … end-1 starts: `overlap` tokens before its end, moved on to the start of a word, and
** later than from. */
int window_next(const Encoding *c, int from, int end, int overlap);

#endif
