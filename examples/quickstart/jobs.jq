# Turns NUL-separated "size TAB mtime TAB path" records into submissions, one job of type file_facts
# per file. Run with: jq --raw-input --slurp --compact-output --from-file jobs.jq
# and the strings $inputs, the folder of the quickstart's own inputs, and $upload, the file that
# quickstart itself brings late.
#
# The key is path + size + mtime: the same file gives the same job however often it is submitted, and
# a changed file gives a new one. A key may have 255 bytes and no control characters, so of a path that
# is long or has such characters it holds a hash and the end.

def polynomial_hash($base; $modulus): reduce explode[] as $c (0; (. * $base + $c) % $modulus);

def key($size; $mtime):
  ($size + " " + $mtime + " ") as $version
  | if ($version + . | utf8bytelength) <= 255 and (test("\\p{Cc}") | not) then $version + .
    else
      # Two primes below 2^26, so that no product leaves the range of exact integers.
      $version + (polynomial_hash(257; 67108859) | tostring)
      + "-" + (polynomial_hash(65599; 67108837) | tostring) + " ..." + (.[-35:] | gsub("\\p{Cc}"; "?"))
    end;

split("\u0000")[]
| select(. != "")
| index("\t") as $first
| .[:$first] as $size
| .[$first + 1:]
| index("\t") as $second
| .[:$second] as $mtime
| .[$second + 1:]
| select(contains("\ufffd") | not)  # a name that is not UTF-8 cannot be said in JSON
| . as $path
| {
    type: "file_facts",
    payload: (
      {path: $path}
      # The quickstart's own .txt inputs must be text; one of them is not.
      + if startswith($inputs + "/") and endswith(".txt") then {want: "text"} else {} end
    ),
    idempotencyKey: key($size; $mtime),
    maxAttempts: (if $path == $upload then 8 else 3 end)
  }
