/* svg.c -- see svg.h.
** Layer: draw. Uses: base. */
#include "draw/svg.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"

enum { COLOURS = 7, SHAPES = 4 };

static void add(Buf *b, const char *text, bert_err *e) { buf_add(b, text, strlen(text), e); }

/* ---- numbers and texts ------------------------------------------------------------------------------------------- */

static void add_integer(Buf *b, int64_t x, bert_err *e) {
  char digits[24];
  int at = sizeof digits;
  uint64_t rest = x < 0 ? -(uint64_t)x : (uint64_t)x;
  do digits[--at] = (char)('0' + rest % 10), rest /= 10;
  while (rest);
  if (x < 0) digits[--at] = '-';
  buf_add(b, digits + at, sizeof digits - (size_t)at, e);
}

/* To two decimals, without trailing zeros. Coordinates are far below what an int64_t holds. */
static void add_number(Buf *b, double x, bert_err *e) {
  int64_t hundredths = (int64_t)floor(x * 100 + 0.5), size = hundredths < 0 ? -hundredths : hundredths;
  char fraction[4] = {'.', (char)('0' + size / 10 % 10), (char)('0' + size % 10), 0};
  if (hundredths < 0) add(b, "-", e);
  add_integer(b, size / 100, e);
  if (size % 100) buf_add(b, fraction, size % 10 ? 3 : 2, e);
}

/* What XML 1.0 may hold (production 2), but for the controls of C1, which say nothing either. */
static int is_character(uint32_t c) {
  if (c < 0x20) return c == '\t' || c == '\n' || c == '\r';
  return !(c >= 0x7F && c < 0xA0) && c != 0xFFFE && c != 0xFFFF;
}

static void add_character(Buf *b, uint32_t c, bert_err *e) {
  unsigned char bytes[4];
  switch (c) {
    case '<': add(b, "&lt;", e); break;
    case '>': add(b, "&gt;", e); break;
    case '&': add(b, "&amp;", e); break;
    case '"': add(b, "&quot;", e); break;
    case '\'': add(b, "&#39;", e); break;
    case '\t': case '\n': case '\r': add(b, " ", e); break;
    default: buf_add(b, bytes, (size_t)utf8_encode(is_character(c) ? c : UTF8_REPLACEMENT, bytes), e);
  }
}

static void add_text(Buf *b, const bert_text *text, int most, bert_err *e) {
  size_t at = 0;
  for (int n = 0; at < text->size && n < most; n++) {
    int used;
    add_character(b, utf8_decode((const unsigned char *)text->data + at, text->size - at, &used), e);
    at += (size_t)used;
  }
  if (at < text->size) add(b, "…", e);
}

void svg_put(Buf *b, bert_err *e, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  for (const char *p = format; *p && !e->code;) {
    size_t plain = strcspn(p, "%");
    buf_add(b, p, plain, e);
    p += plain;
    if (!*p) break;
    switch (p[1]) {
      case 'n': add_number(b, va_arg(ap, double), e); break;
      case 'd': add_integer(b, va_arg(ap, int), e); break;
      case 's': add(b, va_arg(ap, const char *), e); break;
      case 't': add_text(b, va_arg(ap, const bert_text *), SVG_LONGEST, e); break;
      case 'c': add_text(b, va_arg(ap, const bert_text *), SVG_CHARACTERS, e); break;
      default: add(b, "%", e);
    }
    p += 2;
  }
  va_end(ap);
}

/* Letters of the Latin, Greek and Cyrillic scripts are about half as wide as high, those from Hangul and CJK on as wide. */
double svg_width(bert_text text) {
  double width = 0;
  size_t at = 0;
  for (int n = 0; at < text.size && n < SVG_CHARACTERS; n++) {
    int used;
    uint32_t c = utf8_decode((const unsigned char *)text.data + at, text.size - at, &used);
    at += (size_t)used;
    width += c >= 0x1100 ? 12 : 6.6;
  }
  return at < text.size ? width + 12 : width;
}

/* ---- the picture -------------------------------------------------------------------------------------------------- */

static const char STYLE[] =
    "<style>\n"
    ".bert{--paper:#fff;--ink:#1b1f24;--soft:#59636e;--line:#d9dee3;--heat:#0b5cad;--c0:#0072b2;--c1:#d55e00;"
    "--c2:#008a65;--c3:#aa4499;--c4:#b98200;--c5:#3a9bd1;--c6:#6b6b6b;--none:#9aa2ab;color-scheme:light dark;"
    "background:var(--paper);font:12px system-ui,sans-serif}\n"
    "@media(prefers-color-scheme:dark){.bert{--paper:#14171a;--ink:#e8ebee;--soft:#a4adb6;--line:#343b43;"
    "--heat:#7cc0ff;--c0:#58a6ff;--c1:#ff8b4d;--c2:#3ecf9f;--c3:#dd8bd0;--c4:#f0b93a;--c5:#9bd8ff;--c6:#b5bcc4;"
    "--none:#6d7680}}\n"
    ".bert text{fill:var(--ink);unicode-bidi:isolate}.bert .s{fill:var(--soft)}.bert .h{font-size:15px;font-weight:600}\n"
    ".bert .p{fill:var(--paper)}.bert .e{text-anchor:end}.bert .m{text-anchor:middle}\n"
    ".bert .g{stroke:var(--line);fill:none}.bert .o{stroke:var(--paper);stroke-width:3px;paint-order:stroke}\n"
    ".bert .l{fill:none;stroke-width:2px;stroke-linejoin:round}.bert .d{fill-opacity:.8}\n"
    ".bert .w{stroke:var(--heat);shape-rendering:crispEdges}.bert .t{fill:none;pointer-events:all}\n";

static void add_ink(Buf *b, bert_err *e) {
  for (int i = 0; i < COLOURS; i++)
    svg_put(b, e, ".bert .c%d{fill:var(--c%d)}.bert .l.c%d{fill:none;stroke:var(--c%d)}\n", i, i, i, i);
  add(b, ".bert .cn{fill:var(--none)}.bert .l.cn{fill:none;stroke:var(--none)}\n", e);
  for (int i = 1; i <= SVG_SHADES; i++)
    svg_put(b, e, ".bert .w%d{stroke-opacity:%n}\n", i, 0.16 + 0.84 * (i - 1) / (SVG_SHADES - 1));
}

void svg_begin(Buf *b, double width, double height, const char *title, bert_err *e) {
  svg_put(b, e,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"bert\" role=\"img\" width=\"%n\" height=\"%n\" "
          "viewBox=\"0 0 %n %n\">\n<title>%s</title>\n%s",
          width, height, width, height, title, STYLE);
  add_ink(b, e);
  svg_put(b, e, "</style>\n<rect class=\"p\" width=\"%n\" height=\"%n\"/>\n", width, height);
}

void svg_end(Buf *b, bert_err *e) { add(b, "</svg>\n", e); }

/* Lines have no shape: past the colours they are dashed. */
void svg_line_style(Buf *b, int style, bert_err *e) {
  static const char *const DASHES[SHAPES] = {"", " stroke-dasharray=\"7 3\"", " stroke-dasharray=\"2 3\"",
                                             " stroke-dasharray=\"9 3 2 3\""};
  if (style == SVG_NO_STYLE) svg_put(b, e, "<path class=\"l cn\"");
  else svg_put(b, e, "<path class=\"l c%d\"%s", style % COLOURS, DASHES[style / COLOURS % SHAPES]);
}

/* Circle, square, triangle, diamond of about the same area. */
static void add_shape(Buf *b, int shape, double x, double y, double r, bert_err *e) {
  double s = 0.89 * r, t = 1.35 * r, d = 1.25 * r;
  switch (shape) {
    case 0: svg_put(b, e, "<circle cx=\"%n\" cy=\"%n\" r=\"%n\"", x, y, r); break;
    case 1:
      svg_put(b, e, "<rect x=\"%n\" y=\"%n\" width=\"%n\" height=\"%n\"", x - s, y - s, 2 * s, 2 * s);
      break;
    case 2: svg_put(b, e, "<path d=\"M%n %nl%n %nh%nz\"", x, y - t, 0.87 * t, 1.5 * t, -1.74 * t); break;
    default: svg_put(b, e, "<path d=\"M%n %nl%n %nl%n %nl%n %nz\"", x, y - d, d, d, -d, d, -d, -d);
  }
}

void svg_mark(Buf *b, int style, double x, double y, double radius, const bert_text *title, bert_err *e) {
  if (style == SVG_NO_STYLE) {
    add_shape(b, 0, x, y, radius, e);
    add(b, " class=\"d cn\"", e);
  } else {
    add_shape(b, style % SHAPES, x, y, radius, e);
    svg_put(b, e, " class=\"d c%d\"", style % COLOURS);
  }
  if (title) svg_put(b, e, "><title>%t</title></%s>\n", title,
                     style == SVG_NO_STYLE || style % SHAPES == 0 ? "circle" : style % SHAPES == 1 ? "rect" : "path");
  else add(b, "/>\n", e);
}
