# layers.awk -- the rules of the house, over the files of engine/ and ext/; elsewhere only the length counts.
# See layers.sh.
#
# Reads the files once (comments and strings cut out of code first), then judges. Prints a line for each broken rule
# and, last, "passed failed": a file or rule counts once, however many complaints it draws.

BEGIN {
  split("base 0 kernel 1 text 1 file 1 draw 1 nn 2 index 2 model 3 top 4 ext 5", word, " ")
  for (i = 1; i in word; i += 2) rank[word[i]] = word[i + 1] + 0
  split("cblas.h utf8proc.h pthread.h", one_reader, " ")
  LONGEST = 900
}

FNR == 1 {
  if (NR > 1) close_file()
  open_file(substr(FILENAME, length(root) + 2))
}

{
  lines[path]++
  if (FNR <= 40) head = head $0 "\n"
  if (FNR <= 8 && /not edited by hand/) generated[path] = 1
  if (outside) next
  if ($0 ~ /^[ \t]*#[ \t]*include/) see_include($0)
  code = strip($0)
  if (code ~ /(^|[^A-Za-z0-9_])(abort|_?exit|v?f?printf|f?puts|f?putc|putchar|perror)[ \t]*\(/) prints[path] = FNR
}

END {
  if (NR > 0) close_file()
  for (i = 1; i <= files; i++) judge(name[i])
  for (i = 1; i in one_reader; i++)
    result(readers[one_reader[i]] > 1,
           one_reader[i] " is seen by" reader_names[one_reader[i]] ", wanted one file at most")
  print passed + 0, failed + 0
}

function open_file(p) {
  path = p
  outside = p !~ /^(engine|ext)\//
  name[++files] = p
  head = ""
  in_comment = 0
}

# Layer and Uses stand in the first comment; Uses ends at a full stop that ends a word.
function close_file(    text) {
  text = head
  gsub(/\n\*\*/, " ", text)
  gsub(/[ \t\n]+/, " ", text)
  if (match(text, /Layer: [a-z]+/)) layer[path] = substr(text, RSTART + 7, RLENGTH - 7)
  if (match(text, /Uses: /)) {
    text = substr(text, RSTART + 6)
    if (match(text, /\.( |$)/)) uses[path] = substr(text, 1, RSTART - 1)
    else uses[path] = text
    gsub(/,/, " ", uses[path])
  }
}

function see_include(line,    target) {
  if (line ~ /"/) {
    target = line
    sub(/^[^"]*"/, "", target)
    sub(/".*$/, "", target)
  } else {
    target = line
    sub(/^[^<]*</, "", target)
    sub(/>.*$/, "", target)
  }
  if (line ~ /</ || target ~ /^sqlite3/) {
    system_headers[path] = system_headers[path] " " target
    readers[target]++
    reader_names[target] = reader_names[target] " " path
  } else {
    includes[path] = includes[path] " " target
  }
}

# Code of a line: comments, string and character literals become blanks.
function strip(line,    out, i, c, two) {
  out = ""
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    two = substr(line, i, 2)
    if (in_comment) {
      if (two == "*/") { in_comment = 0; i++ }
    } else if (two == "/*") {
      in_comment = 1
      i++
    } else if (two == "//") {
      break
    } else if (c == "\"" || c == "'") {
      for (i++; i <= length(line) && substr(line, i, 1) != c; i++) if (substr(line, i, 1) == "\\") i++
      out = out " "
    } else {
      out = out c
    }
  }
  return out
}

function room(p,    part) {
  split(p, part, "/")
  if (part[1] == "ext") return "ext"
  return part[3] == "" ? "top" : part[2]
}

function stem(p) {
  sub(/^.*\//, "", p)
  sub(/\.[a-z]+$/, "", p)
  return p
}

function complain(text) { complaints = complaints "\n" text }

function result(is_bad, text) {
  if (is_bad) { failed++; print "FAIL " text }
  else passed++
}

function judge(p) {
  complaints = ""
  if (lines[p] > LONGEST && !(p in generated)) complain(lines[p] " lines, at most " LONGEST " wanted")
  if (p ~ /^(engine|ext)\//) judge_place(p, room(p))
  sub(/^\n/, "", complaints)
  gsub(/\n/, "\nFAIL " p ": ", complaints)
  result(complaints != "", p ": " complaints)
}

function judge_place(p, own) {
  if (!(own in rank)) complain("room " own " is not one of the house; name its layer in tests/layers.awk")
  judge_includes(p, own)
  if (p !~ /\.def$/ && p != "engine/bert.h") judge_head(p, own)
  if (own != "ext" && p in prints) complain("line " prints[p] " prints or exits; the engine returns")
  if (own != "ext" && system_headers[p] ~ / sqlite3/) complain("includes SQLite; the engine has never heard of it")
}

function judge_includes(p, own,    part, target, n, i) {
  n = split(includes[p], part, " ")
  for (i = 1; i <= n; i++) {
    target = part[i]
    if (target == "bert.h") continue
    if (own == "ext") {
      if (target ~ /\//) complain("includes " target "; ext sees bert.h and its own headers alone")
    } else if (target !~ /^[a-z]+\//) {
      complain("includes \"" target "\", wanted \"room/" target "\"")
    } else {
      sub(/\/.*/, "", target)
      if (!(target in rank)) complain("includes " part[i] " of an unknown room")
      else if (target != own && rank[target] == rank[own]) complain("includes " part[i] "; " target " is a neighbour")
      else if (rank[target] > rank[own]) complain("includes " part[i] ", which points up")
    }
  }
}

# Other rooms that are included are named. Another room that is named is included: here, by what is included here, or
# by a header's own .c file. A file of the own room that is named exists. "nothing" and "bert.h" are always true.
function judge_head(p, own,    part, target, claimed, headers, n, i) {
  if (!(p in layer)) complain("no \"Layer:\" in its head")
  else if (own != "top" && layer[p] != own) complain("its head says \"Layer: " layer[p] "\" but it lies in " own)
  if (!(p in uses)) { complain("no \"Uses:\" in its head"); return }
  if (own == "top" && uses[p] == "every room") return
  n = split(includes[p], part, " ")
  for (i = 1; i <= n; i++) {
    target = part[i]
    if (target == "bert.h" || index(target, own "/") == 1) continue
    if (!named(target, p)) complain("includes " target ", which \"Uses: " uses[p] "\" does not name")
  }
  claimed = uses[p]
  headers = system_headers[p]
  split("", reached)
  reach(p)
  if (sub(/\.h$/, ".c", p)) reach(p)
  n = split(claimed, part, " ")
  for (i = 1; i <= n; i++) {
    target = part[i]
    if (target == "bert.h" || target == "nothing" || index(headers, " " target)) continue
    if (!is_reached(target, own)) complain("\"Uses:\" names " target ", which it does not include")
  }
}

# A target is named by its room, its path or its file, with or without the suffix.
function named(target, p,    list, folder, bare) {
  list = " " uses[p] " "
  folder = target
  sub(/\/.*/, "", folder)
  bare = target
  sub(/\.h$/, "", bare)
  return index(list, " " folder " ") || index(list, " " bare " ") || index(list, " " target " ") ||
         index(list, " " stem(target) " ") || index(list, " " stem(target) ".h ")
}

function reach(p,    part, n, i, next_path) {
  n = split(includes[p], part, " ")
  for (i = 1; i <= n; i++) {
    if (part[i] in reached) continue
    reached[part[i]] = 1
    next_path = part[i] !~ /\// && part[i] != "bert.h" ? "ext/" part[i] : "engine/" part[i]
    reach(next_path)
  }
}

function is_reached(target, own,    r, bare) {
  sub(/\.[a-z]+$/, "", target)
  for (r in lines) if (room(r) == own && stem(r) == target) return 1
  for (r in reached) {
    bare = r
    sub(/\.[a-z]+$/, "", bare)
    if (bare == target || stem(r) == target || index(r, target "/") == 1) return 1
  }
  return target == own
}
