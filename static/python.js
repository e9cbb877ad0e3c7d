// Colour one line of Python.  Pure: text in, tokens out; the text is anybody's and is never parsed as HTML.
//
// A line stands alone here, since a trace's path jumps about: inside a string of several lines it is
// coloured as code.

const KEYWORDS = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from " +
    "global if import in is lambda nonlocal not or pass raise return try while with yield match case"
  ).split(" "),
);

const PATTERNS = [
  ["space", /[ \t\f]+/uy],
  ["comment", /#.*/suy],
  ["string", /[rbfuRBFU]{0,2}(""".*?("""|$)|'''.*?('''|$)|"(\\.|[^"\\])*("|$)|'(\\.|[^'\\])*('|$))/suy],
  [
    "number",
    /(0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][+-]?\d+)?[jJ]?)/y,
  ],
  ["name", /[\p{L}_][\p{L}\p{N}_]*/uy],
  ["operator", /[^\s\p{L}\p{N}_#"']/uy],
  ["other", /./suy],
];

function nextToken(line, at) {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (match && match[0] !== "") return { kind, text: match[0] };
  }
  throw new Error(`no token at ${at}`);
}

/** Split a line into tokens {kind, text}; the texts put together are the line. */
export function pythonTokens(line) {
  const tokens = [];
  let defines = false;
  for (let at = 0; at < line.length; ) {
    const token = nextToken(line, at);
    at += token.text.length;
    if (token.kind === "name") {
      if (KEYWORDS.has(token.text)) token.kind = "keyword";
      else if (defines) token.kind = "definition";
      defines = token.text === "def" || token.text === "class";
    }
    tokens.push(token);
  }
  return tokens;
}
