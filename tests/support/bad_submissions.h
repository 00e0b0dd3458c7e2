#pragma once

#include <array>
#include <string_view>

namespace djps::test_support {

struct BadSubmission {
  std::string_view body;
  int status;
  std::string_view field;   ///< Of the first error listed; empty for none, or for the body itself.
  std::string_view saying;  ///< A part of the detail of that error, or of the whole answer.
};

using std::string_view_literals::operator""sv;

/// Bodies that POST /jobs must refuse, and how. Used against the parser and over HTTP.
inline constexpr auto kBadSubmissions = std::to_array<BadSubmission>({
    // Not JSON at all.
    {"", 400, "", "is empty"},
    {" \r\n\t ", 400, "", "is empty"},
    {"{", 400, "", "ends in the middle"},
    {"}", 400, "", "is not JSON (at offset 0)"},
    {"nonsense", 400, "", "is not JSON (at offset 0)"},
    {R"({"type":"t")", 400, "", "ends in the middle"},
    {R"({"type":"t)", 400, "", "ends in the middle"},
    {R"({"type":)", 400, "", "ends in the middle"},
    {R"({"type":"t",})", 400, "", "is not JSON (at offset 12)"},
    {R"({'type':'t'})", 400, "", "is not JSON (at offset 1)"},
    {R"({type:"t"})", 400, "", "is not JSON"},
    {R"({"type" "t"})", 400, "", "is not JSON"},
    {R"({"type":"t"} x)", 400, "", "goes on after the end"},
    {R"({"type":"t"}{"type":"t"})", 400, "", "goes on after the end of the JSON (at offset 12)"},
    {R"({"type":"t","priority":01})", 400, "", "is not JSON"},
    {R"({"type":"t","priority":+1})", 400, "", "is not JSON"},
    {R"({"type":"t","priority":1.})", 400, "", "is not JSON"},
    {R"({"type":"t","payload":.5})", 400, "", "is not JSON"},
    {R"({"type":"t","payload":NaN})", 400, "", "is not JSON"},
    {R"({"type":"t","payload":Infinity})", 400, "", "is not JSON"},
    {R"({"type":"t","payload":True})", 400, "", "is not JSON"},
    {R"({"type":"t","payload":[1,]})", 400, "", "is not JSON"},
    {R"({"type":"t",/* comment */"payload":1})", 400, "", "is not JSON"},
    {"{\"type\":\"a\tb\"}", 400, "", "is not JSON"},
    {R"({"type":"\x41"})", 400, "", "is not JSON"},
    {R"({"type":"\u12"})", 400, "", "is not JSON"},
    {"{\"type\":\"t\"\0}"sv, 400, "", "is not JSON"},
    // Not Unicode.
    {"{\"type\":\"\xff\xfe\"}", 400, "", "not UTF-8"},
    {"{\"type\":\"t\",\"payload\":\"\xc0\xaf\"}", 400, "", "not UTF-8"},
    {"{\"type\":\"t\",\"payload\":\"\xed\xa0\x80\"}", 400, "", "not UTF-8"},
    {"{\"type\":\"t\",\"payload\":\"\xf5\x80\x80\x80\"}", 400, "", "not UTF-8"},
    {"{\"type\":\"t\",\"payload\":{\"\xe2\x82\":1}}", 400, "", "not UTF-8"},
    {"\xef\xbb\xbf{\"type\":\"t\"}", 400, "", "byte order mark"},
    {R"({"type":"t","payload":"\ud800"})", 400, "", "surrogate"},
    {R"({"type":"t","payload":"\udc00"})", 400, "", "surrogate"},
    {R"({"type":"t","payload":"\ud800\u0041"})", 400, "", "surrogate"},
    {R"({"type":"t","payload":{"\udfff":1}})", 400, "", "surrogate"},
    // Not an object.
    {"[]", 422, "", "must be a JSON object"},
    {R"([{"type":"t"}])", 422, "", "must be a JSON object"},
    {"null", 422, "", "must be a JSON object"},
    {"42", 422, "", "must be a JSON object"},
    {R"("type")", 422, "", "must be a JSON object"},
    // type
    {"{}", 422, "type", "is required"},
    {R"({"payload":{}})", 422, "type", "is required"},
    {R"({"type":null})", 422, "type", "is required"},
    {R"({"type":""})", 422, "type", "must not be empty"},
    {R"({"type":7})", 422, "type", "must be a string, got 7"},
    {R"({"type":true})", 422, "type", "must be a string, got true"},
    {R"({"type":["t"]})", 422, "type", "must be a string, got an array"},
    {R"({"type":{"a":"t"}})", 422, "type", "must be a string, got an object"},
    {R"({"type":"send email"})", 422, "type", "may hold only"},
    {R"({"type":"a\nb"})", 422, "type", R"(got "a\nb")"},
    {R"({"type":"caf\u00e9"})", 422, "type", "may hold only"},
    {R"({"type":"a%2fb"})", 422, "type", "may hold only"},
    {R"({"type":"a'b"})", 422, "type", "may hold only"},
    {R"({"type":"\u202egpj"})", 422, "type", "may hold only"},
    {R"({"type":"a\u0000b"})", 422, "type", "NUL"},
    // queue
    {R"({"type":"t","queue":""})", 422, "queue", "must not be empty"},
    {R"({"type":"t","queue":"a b"})", 422, "queue", "may hold only"},
    {R"({"type":"t","queue":1})", 422, "queue", "must be a string"},
    // priority
    {R"({"type":"t","priority":"high"})", 422, "priority",
     R"(must be an integer from -32768 to 32767, got "high")"},
    {R"({"type":"t","priority":32768})", 422, "priority", "got 32768"},
    {R"({"type":"t","priority":-32769})", 422, "priority", "got -32769"},
    {R"({"type":"t","priority":1.5})", 422, "priority", "got 1.5"},
    {R"({"type":"t","priority":1e9})", 422, "priority", "got 1e9"},
    {R"({"type":"t","priority":"1"})", 422, "priority", R"(got "1")"},
    {R"({"type":"t","priority":99999999999999999999999999})", 422, "priority", "got 999999"},
    {R"({"type":"t","priority":[]})", 422, "priority", "got an array"},
    {R"({"type":"t","priority":false})", 422, "priority", "got false"},
    // maxAttempts
    {R"({"type":"t","maxAttempts":0})", 422, "maxAttempts", "from 1 to 1000, got 0"},
    {R"({"type":"t","maxAttempts":-1})", 422, "maxAttempts", "got -1"},
    {R"({"type":"t","maxAttempts":1001})", 422, "maxAttempts", "got 1001"},
    {R"({"type":"t","max_attempts":"x"})", 422, "max_attempts", R"(got "x")"},
    {R"({"type":"t","maxAttempts":1,"max_attempts":1})", 422, "maxAttempts",
     "as maxAttempts and as max_attempts"},
    // runAt
    {R"({"type":"t","runAt":"tomorrow"})", 422, "runAt", R"(got "tomorrow")"},
    {R"({"type":"t","runAt":"2030-01-01T00:00:00"})", 422, "runAt", "with an offset"},
    {R"({"type":"t","runAt":"2030-02-30T00:00:00Z"})", 422, "runAt", "RFC 3339"},
    {R"({"type":"t","runAt":"2030-01-01"})", 422, "runAt", "RFC 3339"},
    {R"({"type":"t","runAt":1893456000})", 422, "runAt", "got 1893456000"},
    {R"({"type":"t","run_at":""})", 422, "run_at", R"(got "")"},
    {R"({"type":"t","runAt":"9999-12-31T23:59:59-01:00"})", 422, "runAt", "years 1970 to 9999"},
    {R"({"type":"t","runAt":"1970-01-01T00:00:00+01:00"})", 422, "runAt", "years 1970 to 9999"},
    {R"({"type":"t","run_at":null,"runAt":null})", 422, "runAt", "given twice"},
    // idempotencyKey
    {R"({"type":"t","idempotencyKey":""})", 422, "idempotencyKey", "must not be empty"},
    {R"({"type":"t","idempotencyKey":12})", 422, "idempotencyKey", "must be a string, got 12"},
    {R"({"type":"t","idempotencyKey":"a\u0007"})", 422, "idempotencyKey", "control"},
    {R"({"type":"t","idempotencyKey":"a\u0085b"})", 422, "idempotencyKey", "control"},
    {R"({"type":"t","idempotency_key":"a\u0000"})", 422, "idempotency_key", "NUL"},
    {R"({"type":"t","idempotencyKey":"a","idempotency_key":"a"})", 422, "idempotencyKey",
     "given twice"},
    // payload
    {R"({"type":"t","payload":"\u0000"})", 422, "payload", "NUL"},
    {R"({"type":"t","payload":{"a":[1,2,"x\u0000"]}})", 422, "payload.a[2]", "NUL"},
    {R"({"type":"t","payload":[[],{"b":{"c":"\u0000"}}]})", 422, "payload[1].b.c", "NUL"},
    {R"({"type":"t","payload":{"k\u0000":1}})", 422, "payload.k\0"sv, "NUL"},
    // Unknown fields.
    {R"({"type":"t","maxAttempt":3})", 422, "maxAttempt", "did you mean maxAttempts?"},
    {R"({"type":"t","Priority":3})", 422, "Priority", "did you mean priority?"},
    {R"({"type":"t","prio":3})", 422, "prio", "did you mean priority?"},
    {R"({"type":"t","idempotency-key":"k"})", 422, "idempotency-key",
     "did you mean idempotencyKey?"},
    {R"({"type":"t","paylod":{"a":{"b":[1]}}})", 422, "paylod", "did you mean payload?"},
    {R"({"type":"t","colour":"red"})", 422, "colour", "is not a field of a job"},
    {R"({"type":"t","":1})", 422, "", "is not a field of a job"},
    {R"({"type":"t","id":"5"})", 422, "id", "is set by the server"},
    {R"({"type":"t","status":"dead"})", 422, "status", "is set by the server"},
    {R"({"type":"t","attempts":5})", 422, "attempts", "is set by the server"},
    {R"({"type":"t","createdAt":"x"})", 422, "createdAt", "is set by the server"},
    {R"({"type":"t","a\u0000b":5})", 422, "a\0b"sv, "NUL"},
    {R"({"type":"t","jobs":[]})", 422, "jobs", "is not a field of a job"},
});

}  // namespace djps::test_support
