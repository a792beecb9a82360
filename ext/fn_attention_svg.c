/* fn_attention_svg.c -- bert_attention_svg: a picture of what each token of a text looks at, head by head.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_attention_svg('the old river');                                      -- <svg …
**    SELECT writefile('heads.svg', bert_attention_svg('the river', 'It is old.'));    -- in the sqlite3 shell
**
** SVG text: the mean of all heads with the tokens' names, then a heat map a head, layers down. Maps show up to 64 tokens,
** fewer where there are many heads (39 of 24 layers of 16), the first ones of a longer text; bert_attention has the rest.
** Cost: one pass, and the weights of one layer in memory. */
#include "ext.h"

void fn_attention_svg(Call *call, bert_err *e) {
  bert_text text, pair;
  Watch watch;
  if (!value_text(call->values[0], "text", &text, e)) return;
  int paired = value_text(fn_value(call, 1), "pair", &pair, e);
  Loaded *m = connection_model(call->connection, fn_value(call, 2), FOR_VECTORS, e);
  if (!m) return;
  watch_start(&watch, connection_db(call->connection));
  bert_text svg = bert_attention_draw(m->session, text, paired ? &pair : NULL, &watch.progress, e);
  watch_stop(&watch);
  if (!e->code) sqlite3_result_text64(call->context, svg.data, svg.size, SQLITE_TRANSIENT, SQLITE_UTF8);
}
