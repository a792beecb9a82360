"""engine.py -- the engine's functions in Python, through heads_api.so (heads_api.c) and ctypes."""
import ctypes as c


class Err(c.Structure):
    _fields_ = [("code", c.c_int), ("text", c.c_char * 512)]


class Text(c.Structure):
    _fields_ = [("data", c.c_char_p), ("size", c.c_size_t)]


class View(c.Structure):
    """A bert_text that comes back: it need not end in NUL."""
    _fields_ = [("data", c.c_void_p), ("size", c.c_size_t)]


class Info(c.Structure):
    _fields_ = ([(n, c.c_char_p) for n in "architecture task pooling compute source labels features prompts card".split()]
                + [(n, c.c_int) for n in "layers hidden heads inner vocabulary max_tokens dimensions threads".split()]
                + [("can", c.c_uint), ("label_count", c.c_int), ("inputs", c.c_int), ("feature_count", c.c_int),
                   ("multi_label", c.c_int),
                   ("parameters", c.c_int64), ("bytes", c.c_int64), ("hash", c.c_char * 17)])


class Encoding(c.Structure):
    _fields_ = [("n", c.c_int), ("total", c.c_int), ("ids", c.POINTER(c.c_int32)), ("types", c.POINTER(c.c_uint8)),
                ("start", c.POINTER(c.c_int32)), ("end", c.POINTER(c.c_int32)), ("special", c.POINTER(c.c_uint8))]


class Answer(c.Structure):
    _fields_ = [("start", c.c_int), ("end", c.c_int), ("byte_start", c.c_size_t), ("byte_end", c.c_size_t),
                ("score", c.c_double), ("logit", c.c_double)]


class Span(c.Structure):
    _fields_ = [("label", c.c_char_p), ("start", c.c_int), ("end", c.c_int), ("byte_start", c.c_size_t),
                ("byte_end", c.c_size_t), ("score", c.c_double)]


class Fill(c.Structure):
    _fields_ = [("id", c.c_int32), ("score", c.c_float)]


class Fills(c.Structure):
    _fields_ = [("masks", c.c_int), ("position", c.c_int), ("n", c.c_int), ("fill", c.POINTER(Fill)),
                ("tokens", c.c_int), ("ids", c.POINTER(c.c_int32))]


V, P, F = c.c_void_p, c.POINTER, c.c_float
NAMES = [("open", V, [c.c_char_p, c.c_char_p, P(Err)]), ("free", None, [V]), ("describe", None, [V, P(Info)]),
         ("session", V, [V, P(Err)]), ("session_free", None, [V]),
         ("embed", None, [V, P(Text), c.c_int, P(Text), P(F), V, P(Err)]),
         ("vectors", None, [V, Text, P(Text), c.c_int, P(Encoding), P(P(F)), V, P(Err)]),
         ("classify", None, [V, P(Text), P(Text), c.c_int, P(F), V, P(Err)]), ("scores", None, [V, P(F), P(F)]),
         ("number", F, [V, F]), ("rerank", F, [V, F, P(Err)]),
         ("zero_shot", None, [V, Text, P(Text), c.c_int, P(Text), c.c_int, P(c.c_double), V, P(Err)]),
         ("next", c.c_double, [V, Text, Text, V, P(Err)]),
         ("answers", c.c_int, [V, Text, Text, P(P(Answer)), V, P(Err)]),
         ("best", c.c_int, [V, Text, Text, P(c.c_double), P(Answer), V, P(Err)]),
         ("tags", c.c_int, [V, Text, P(P(Span)), V, P(Err)]), ("entities", c.c_int, [V, Text, P(P(Span)), V, P(Err)]),
         ("fill", None, [V, Text, c.c_int, P(Fills), V, P(Err)]),
         ("decode", View, [V, P(c.c_int32), c.c_int, c.c_int, P(Err)]),
         ("attentions", None, [V, Text, P(Text), c.c_int, c.c_int, c.c_int, P(Encoding), P(P(F)), V, P(Err)])]


class Failed(Exception):
    pass


def _text(s):
    if s is None:
        return Text(None, 0)
    b = s.encode("utf-8", "surrogatepass") if isinstance(s, str) else s
    return Text(b, len(b))


class Engine:
    """The functions of one heads_api.so."""

    def __init__(self, path):
        class Api(c.Structure):
            _fields_ = [(n, c.CFUNCTYPE(r, *a)) for n, r, a in NAMES]
        self.api = Api.in_dll(c.CDLL(path), "heads_api")

    def open(self, directory, options=None):
        return Model(self.api, directory, options)


class Model:
    """An open model with one session. Every method raises Failed with the engine's message."""

    def __init__(self, api, directory, options):
        self.api, self.model, self.session = api, None, None
        self.model = self._call("open", str(directory).encode(), options.encode() if options else None)
        self.session = self._call("session", self.model)
        self.info = Info()
        api.describe(self.model, self.info)

    def __del__(self):
        if self.session:
            self.api.session_free(self.session)
        if self.model:
            self.api.free(self.model)

    def _call(self, name, *args):
        e = Err()
        out = getattr(self.api, name)(*args, e)
        if e.code:
            raise Failed(e.text.decode())
        return out

    def vectors(self, a, b=None, layer=-1):
        out, p = Encoding(), P(F)()
        self._call("vectors", self.session, _text(a), _text(b) if b is not None else None, layer, out, p, None)
        H = self.info.hidden
        return [out.ids[i] for i in range(out.n)], [p[i * H:(i + 1) * H] for i in range(out.n)]

    def logits(self, rows):
        n, k = len(rows), self.info.label_count
        out = (F * (n * max(k, 1)))()
        a, b = (Text * n)(*[_text(r[0]) for r in rows]), (Text * n)(*[_text(r[1]) for r in rows])
        self._call("classify", self.session, a, b, n, out, None)
        return [out[i * k:(i + 1) * k] for i in range(n)]

    def scores(self, logits):
        n = len(logits)
        out = (F * n)()
        self.api.scores(self.model, (F * n)(*logits), out)
        return list(out)

    def number(self, logit):
        return self.api.number(self.model, logit)

    def rerank(self, logit):
        return self._call("rerank", self.model, logit)

    def zero_shot(self, text, labels, hypothesis=None, multi_label=False):
        n = len(labels)
        out = (c.c_double * n)()
        self._call("zero_shot", self.session, _text(text), (Text * n)(*map(_text, labels)), n,
                   _text(hypothesis) if hypothesis is not None else None, int(multi_label), out, None)
        return list(out)

    def next(self, a, b):
        return self._call("next", self.session, _text(a), _text(b), None)

    def answers(self, question, passage):
        p = P(Answer)()
        n = self._call("answers", self.session, _text(question), _text(passage), p, None)
        return [(p[i].score, p[i].start, p[i].end, p[i].byte_start, p[i].byte_end) for i in range(n)]

    def best(self, question, passage, threshold=None):
        a, t = Answer(), c.c_double(threshold or 0)
        n = self._call("best", self.session, _text(question), _text(passage),
                       t if threshold is not None else None, a, None)
        return (a.logit, a.start, a.end, a.byte_start, a.byte_end) if n else None

    def _spans(self, name, text):
        p = P(Span)()
        n = self._call(name, self.session, _text(text), p, None)
        return [(p[i].label.decode(), p[i].score, p[i].start, p[i].end, p[i].byte_start, p[i].byte_end)
                for i in range(n)]

    def tags(self, text):
        return self._spans("tags", text)

    def entities(self, text):
        return self._spans("entities", text)

    def fill(self, text, mask=0):
        out = Fills()
        self._call("fill", self.session, _text(text), mask, out, None)
        return out.masks, out.position, [(out.fill[i].id, out.fill[i].score) for i in range(out.n)]

    def decode(self, ids, skip_special=False):
        out = self._call("decode", self.session, (c.c_int32 * len(ids))(*ids), len(ids), int(skip_special))
        return c.string_at(out.data, out.size).decode()

    def attentions(self, a, b=None, first=0, count=None):
        out, p = Encoding(), P(F)()
        count = self.info.layers if count is None else count
        pair = _text(b) if b is not None else None
        self._call("attentions", self.session, _text(a), pair, first, count, -1, out, p, None)
        return (count, self.info.heads, out.n, out.n), p[:count * self.info.heads * out.n * out.n]
