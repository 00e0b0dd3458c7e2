#include "core/validation.h"

#include <gtest/gtest.h>

#include "core/time_text.h"

namespace djps {
namespace {

NewJob ValidJob() {
  NewJob job;
  job.type = "email_send";
  return job;
}

std::vector<std::string> FieldsOf(const std::vector<FieldError>& errors) {
  std::vector<std::string> fields;
  for (const FieldError& error : errors) fields.push_back(error.field);
  return fields;
}

TEST(ValidationTest, AcceptsAJobAtEveryLimit) {
  NewJob job = ValidJob();
  EXPECT_TRUE(Validate(job).empty());
  job.type = std::string(kNameBytesMax, 'x');
  job.queue = "AZaz09_.:/-";
  job.payload = std::string(kPayloadBytesMax, ' ');
  job.idempotency_key = std::string(kIdempotencyKeyBytesMax, 'k');
  job.max_attempts = kMaxAttemptsLimit;
  job.run_at = ParseTimestamp("9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(Validate(job), std::vector<FieldError>{});
}

TEST(ValidationTest, ReportsEveryFieldThatIsWrong) {
  NewJob job;
  job.queue = "not a queue";
  job.payload = std::string(kPayloadBytesMax + 1, ' ');
  job.idempotency_key = "";
  job.max_attempts = 0;
  job.run_at = Timestamp(std::chrono::seconds(-1));
  EXPECT_EQ(FieldsOf(Validate(job)),
            (std::vector<std::string>{"type", "queue", "payload", "maxAttempts", "runAt",
                                      "idempotencyKey"}));
}

TEST(ValidationTest, RefusesEveryOtherByteInNames) {
  const std::string allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:/-";
  for (int byte = 0; byte < 256; ++byte) {
    NewJob job = ValidJob();
    job.type = std::string("a") + static_cast<char>(byte);
    const bool expected = allowed.find(static_cast<char>(byte)) != std::string::npos;
    EXPECT_EQ(Validate(job).empty(), expected) << "byte " << byte;
  }
}

TEST(ValidationTest, SaysWhichValueWasWrong) {
  NewJob job = ValidJob();
  job.queue = "a b";
  job.max_attempts = 1001;
  EXPECT_EQ(Validate(job), (std::vector<FieldError>{
                               {"queue", "may hold only A-Z a-z 0-9 _ . : / - , got \"a b\""},
                               {"maxAttempts", "must be an integer from 1 to 1000, got 1001"}}));
}

TEST(ValidationTest, RefusesControlCharactersInKeys) {
  for (const char* key : {"\x01", "a\nb", "\x7f", "\xc2\x80", "x\xc2\x9f"}) {
    NewJob job = ValidJob();
    job.idempotency_key = key;
    EXPECT_EQ(FieldsOf(Validate(job)), std::vector<std::string>{"idempotencyKey"}) << key;
  }
  for (const char* key : {"order 17", "\u00a0", "\u00e9\u20ac", "a/b#c?"}) {
    NewJob job = ValidJob();
    job.idempotency_key = key;
    EXPECT_TRUE(Validate(job).empty()) << key;
  }
}

TEST(ValidationTest, NeverCutsACharacterInHalf) {
  const std::string text = std::string(63, 'a') + "\u00e9" + std::string(100, 'b');
  EXPECT_EQ(ShortenForMessage(text), std::string(63, 'a') + "...");
  EXPECT_EQ(ShortenForMessage("short"), "short");
  EXPECT_EQ(QuoteForMessage("a\"b\n"), R"("a\"b\n")");
}

}  // namespace
}  // namespace djps
