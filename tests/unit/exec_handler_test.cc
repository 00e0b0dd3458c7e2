#include "worker/exec/exec_handler.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "support/run_coroutine.h"
#include "support/temporary_folder.h"

namespace djps::worker {
namespace {

using namespace std::chrono_literals;
using test_support::RunCoroutine;

Job MakeJob(std::string payload = "{}") {
  Job job;
  job.id = *Uuid::Parse("0190c0de-0000-7000-8000-000000000001");
  job.type = "mail.send";
  job.queue = "mails";
  job.payload = std::move(payload);
  job.priority = -3;
  job.attempt = 2;
  job.max_attempts = 7;
  job.lease_token = *Uuid::Parse("6f9619ff-8b86-4011-b42d-00c04fc964ff");
  job.created_at = Timestamp(1'764'000'000'123'456us);
  return job;
}

ExecConfig Shell(const std::string& script) {
  ExecConfig config;
  config.program = "sh";
  config.args = {"-c", script};
  return config;
}

Outcome RunJob(ExecConfig config, const Job& job = MakeJob()) {
  const CoroutineHandler handler = MakeExecHandler(std::move(config));
  return RunCoroutine(handler(job));
}

/// The result of a program that must succeed.
std::string ResultOf(ExecConfig config, const Job& job = MakeJob()) {
  const Outcome outcome = RunJob(std::move(config), job);
  if (const auto* failed = std::get_if<Failed>(&outcome)) {
    ADD_FAILURE() << failed->error_class << ": " << failed->message;
    return {};
  }
  return std::get<Succeeded>(outcome).result;
}

/// What printf makes of `format`, as a result.
std::string ResultOfPrintf(const std::string& format) {
  ExecConfig config;
  config.program = "/usr/bin/printf";
  config.args = {"%b", format};
  return ResultOf(std::move(config));
}

std::string WhyRefused(ExecConfig config) {
  try {
    MakeExecHandler(std::move(config));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

/// A folder that goes with its content.
class ScriptFolder {
 public:
  std::string AddFile(const std::string& name, const std::string& text, bool executable) const {
    const std::filesystem::path file = folder_ / name;
    std::ofstream(file) << text;
    std::filesystem::permissions(file, executable ? std::filesystem::perms::owner_all
                                                  : std::filesystem::perms::owner_read |
                                                        std::filesystem::perms::owner_write);
    return file.string();
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  test_support::TemporaryFolder folder_;
};

TEST(ExecHandlerTest, PayloadOnStandardInputComesBackAsResult) {
  ExecConfig config;
  config.program = "cat";
  EXPECT_EQ(ResultOf(config, MakeJob(R"({"to": ["a", 1.50]})")), R"({"to": ["a", 1.50]})");
}

TEST(ExecHandlerTest, KeepsJsonVerbatim) {
  for (const std::string text : {"{\"a\" : 1 }\n", "[1,2]", "1e2", "\"x\"", "true", " null ",
                                 "12345678901234567890123", "-0.0", R"("\\u0000")"}) {
    ExecConfig config;
    config.program = "cat";
    EXPECT_EQ(ResultOf(config, MakeJob(text)), text);
  }
}

TEST(ExecHandlerTest, QuotesTextThatIsNotJson) {
  EXPECT_EQ(ResultOfPrintf("hello \"you\"\\n"), R"("hello \"you\"")");
  EXPECT_EQ(ResultOfPrintf("two\\nlines\\n\\n"), R"("two\nlines\n")");
  EXPECT_EQ(ResultOfPrintf("{\"a\":1} {}"), R"("{\"a\":1} {}")");
  EXPECT_EQ(ResultOfPrintf("\\n"), R"("")");
  EXPECT_EQ(ResultOfPrintf("[1,"), R"("[1,")");
}

TEST(ExecHandlerTest, NoOutputIsNull) { EXPECT_EQ(ResultOfPrintf(""), "null"); }

TEST(ExecHandlerTest, QuotesJsonThatPostgresCannotStore) {
  // A NUL in a string or a key, and numbers beyond numeric.
  for (const std::string text :
       {R"(["a\u0000b"])", R"({"\u0000":1})", "1e200000", "1e-200000", "1e99999999999999"}) {
    ExecConfig config;
    config.program = "cat";
    const std::string result = ResultOf(config, MakeJob(text));
    EXPECT_EQ(boost::json::parse(result), boost::json::value(text)) << result;
  }
}

TEST(ExecHandlerTest, QuotesJsonNestedTooDeeply) {
  ExecConfig config;
  config.program = "cat";
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(ResultOf(config, MakeJob(nested(64))), nested(64));
  EXPECT_EQ(ResultOf(config, MakeJob(nested(65))), '"' + nested(65) + '"');
}

TEST(ExecHandlerTest, ReplacesInvalidUtf8AndNulInText) {
  const std::string r = "\xEF\xBF\xBD";
  const std::map<std::string, std::string> cases = {
      {"a\\0000b", "a" + r + "b"},
      {"\\xC3\\xA4 \\xE2\\x82\\xAC \\xF0\\x9F\\x98\\x80", "\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80"},
      {"x\\xFFy", "x" + r + "y"},
      {"\\xC0\\xAF", r + r},                    // Overlong.
      {"\\xED\\xA0\\x80", r + r + r},           // A surrogate.
      {"\\xF4\\x90\\x80\\x80", r + r + r + r},  // Beyond U+10FFFF.
      {"\\xE2\\x82z", r + "z"},  // Broken off: one replacement for the whole beginning.
      {"end\\xF0\\x9F", "end" + r},
  };
  for (const auto& [format, text] : cases) {
    EXPECT_EQ(boost::json::parse(ResultOfPrintf(format)).as_string(), text) << format;
  }
}

TEST(ExecHandlerTest, ExitStatusDecidesTheOutcome) {
  ExecConfig snoozing = Shell("exit 75");
  snoozing.snooze = 1234ms;
  EXPECT_EQ(std::get<Snoozed>(RunJob(snoozing)).delay, 1234ms);

  const auto hopeless = std::get<Failed>(RunJob(Shell("exit 65")));
  EXPECT_EQ(hopeless.error_class, "exit_65");
  EXPECT_FALSE(hopeless.retryable);

  const auto failed = std::get<Failed>(RunJob(Shell("exit 3")));
  EXPECT_EQ(failed.error_class, "exit_3");
  EXPECT_TRUE(failed.retryable);
  EXPECT_EQ(failed.message, "the program ended with exit status 3 and no word on standard error");
  EXPECT_EQ(failed.detail, "");
}

TEST(ExecHandlerTest, NamesTheSignalThatKilledTheProgram) {
  const auto failed = std::get<Failed>(RunJob(Shell("kill -SEGV $$")));
  EXPECT_EQ(failed.error_class, "signal_11");
  EXPECT_EQ(failed.message, "the program was killed by signal 11 (SIGSEGV)");
  EXPECT_TRUE(failed.retryable);
}

TEST(ExecHandlerTest, TheLastLineOfStandardErrorIsTheMessage) {
  const auto failed =
      std::get<Failed>(RunJob(Shell("printf 'first\\nthe reason\\r\\n \\n\\n' >&2; exit 1")));
  EXPECT_EQ(failed.message, "the reason");
  EXPECT_EQ(failed.detail, "first\nthe reason\r\n \n\n");
}

TEST(ExecHandlerTest, CutsAndCleansTheMessageAtACharacterBorder) {
  const auto failed = std::get<Failed>(RunJob(
      Shell("printf 'x\\377' >&2; for i in $(seq 300); do printf '\\303\\244' >&2; done; exit 1")));
  std::string expected = "x\xEF\xBF\xBD";
  for (int i = 0; i < 248; ++i) expected += "\xC3\xA4";
  EXPECT_EQ(failed.message, expected);  // Exactly 500 bytes.

  const auto odd = std::get<Failed>(
      RunJob(Shell("for i in $(seq 300); do printf '\\342\\202\\254' >&2; done; exit 1")));
  EXPECT_EQ(odd.message.size(), 498U);
}

TEST(ExecHandlerTest, TheDetailIsTheEndOfStandardErrorFromAWholeCharacter) {
  ExecConfig config = Shell("for i in $(seq 100); do printf '\\342\\202\\254' >&2; done; exit 1");
  config.stderr_tail_bytes = 10;
  const auto failed = std::get<Failed>(RunJob(config));
  EXPECT_EQ(failed.detail, "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC");
  EXPECT_EQ(failed.message, failed.detail);
}

TEST(ExecHandlerTest, TheEnvironmentHoldsTheJobAndTheAllowListOnly) {
  // Single-threaded here.
  ::setenv("DJPS_TEST_COPIED", "from the worker", 1);  // NOLINT(concurrency-mt-unsafe)
  ::setenv("DJPS_TEST_SECRET", "hidden", 1);           // NOLINT(concurrency-mt-unsafe)
  ExecConfig config;
  config.program = "env";
  config.env = {"DJPS_TEST_COPIED", "DJPS_TEST_ABSENT", "SET=a=b c", "LANG=xx", "EMPTY="};
  Job job = MakeJob();
  job.idempotency_key = "key $(id)";
  const std::string text = ResultOf(config, job);
  ::unsetenv("DJPS_TEST_COPIED");  // NOLINT(concurrency-mt-unsafe)
  ::unsetenv("DJPS_TEST_SECRET");  // NOLINT(concurrency-mt-unsafe)

  std::map<std::string, std::string> seen;
  std::istringstream lines(std::string(boost::json::parse(text).as_string()));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find('=');
    EXPECT_TRUE(seen.emplace(line.substr(0, equals), line.substr(equals + 1)).second) << line;
  }
  for (const char* inherited : {"PATH", "HOME", "USER", "LC_ALL", "TZ", "TMPDIR"}) {
    const char* value = ::getenv(inherited);  // NOLINT(concurrency-mt-unsafe)
    ASSERT_EQ(seen.contains(inherited), value != nullptr) << inherited;
    EXPECT_EQ(seen[inherited], value == nullptr ? "" : value);
    seen.erase(inherited);
  }
  const std::map<std::string, std::string> expected = {
      {"DJPS_TEST_COPIED", "from the worker"},
      {"SET", "a=b c"},
      {"LANG", "xx"},
      {"EMPTY", ""},
      {"DJPS_JOB_ID", "0190c0de-0000-7000-8000-000000000001"},
      {"DJPS_JOB_TYPE", "mail.send"},
      {"DJPS_QUEUE", "mails"},
      {"DJPS_PRIORITY", "-3"},
      {"DJPS_ATTEMPT", "2"},
      {"DJPS_MAX_ATTEMPTS", "7"},
      {"DJPS_LEASE_TOKEN", "6f9619ff-8b86-4011-b42d-00c04fc964ff"},
      {"DJPS_CREATED_AT", "2025-11-24T16:00:00.123456Z"},
      {"DJPS_IDEMPOTENCY_KEY", "key $(id)"},
  };
  EXPECT_EQ(seen, expected);
}

TEST(ExecHandlerTest, AJobWithoutKeyHasNoKeyVariable) {
  EXPECT_EQ(ResultOf(Shell("echo ${DJPS_IDEMPOTENCY_KEY-none}")), R"("none")");
}

TEST(ExecHandlerTest, ACheckpointOfAnEarlierAttemptIsAVariable) {
  EXPECT_EQ(ResultOf(Shell("echo ${DJPS_CHECKPOINT-none}")), R"("none")");
  Job job = MakeJob();
  job.checkpoint = R"({"row": 17})";
  EXPECT_EQ(ResultOf(Shell("printf %s \"$DJPS_CHECKPOINT\""), job), R"({"row": 17})");
}

TEST(ExecHandlerTest, MetadataAndTagsAreVariablesOfJobsThatHaveThem) {
  const ExecConfig print = Shell("printf '[%s,%s]' \"$DJPS_METADATA\" \"$DJPS_TAGS\"");
  Job job = MakeJob();
  job.metadata = R"({"asked_by": "ann"})";
  job.tags = {"eu", "say \"hi\""};
  EXPECT_EQ(ResultOf(print, job), R"([{"asked_by": "ann"},["eu","say \"hi\""]])");
  EXPECT_EQ(ResultOf(Shell("echo ${DJPS_METADATA-no} ${DJPS_TAGS-no}")), R"("no no")");
}

TEST(ExecHandlerTest, WhatIsTooLongForAVariableIsAFile) {
  const auto text = [](std::size_t size) { return '"' + std::string(size - 2, 'x') + '"'; };
  Job job = MakeJob();
  job.metadata = text(64U << 10U);
  job.checkpoint = text(300'000);
  job.tags = std::vector<std::string>(20, std::string(5'000, 'y'));
  EXPECT_EQ(ResultOf(Shell("printf %s \"$DJPS_METADATA${DJPS_METADATA_FILE-}\""), job),
            *job.metadata);
  // Twice, since each opening begins at the front.
  EXPECT_EQ(ResultOf(Shell("cat \"$DJPS_CHECKPOINT_FILE\" >/dev/null; "
                           "cat \"$DJPS_CHECKPOINT_FILE\"; printf %s \"${DJPS_CHECKPOINT-}\""),
                     job),
            *job.checkpoint);
  EXPECT_EQ(ResultOf(Shell("wc -c <\"$DJPS_TAGS_FILE\""), job), "100061\n");
}

TEST(ExecHandlerTest, HostileTextIsInertAsPayloadAndArgument) {
  for (const std::string text : {"; id", "$(id)", "`id`", "a\nb", "| id", "'\"; id #", "-n"}) {
    ExecConfig cat;
    cat.program = "cat";
    EXPECT_EQ(boost::json::parse(ResultOf(cat, MakeJob(text))).as_string(), text);
    ExecConfig print;
    print.program = "/usr/bin/printf";
    print.args = {"%s", text};
    EXPECT_EQ(boost::json::parse(ResultOf(print)).as_string(), text);
  }
}

TEST(ExecHandlerTest, TooMuchOutputIsAFailure) {
  ExecConfig config = Shell("echo lots coming >&2; cat /dev/zero");
  config.stdout_bytes_max = 1000;
  const auto failed = std::get<Failed>(RunJob(config));
  EXPECT_EQ(failed.error_class, "result_too_large");
  EXPECT_EQ(failed.message,
            "standard output is larger than 1000 bytes; store it elsewhere and print a reference");
  EXPECT_EQ(failed.detail, "lots coming\n");
}

TEST(ExecHandlerTest, AResultThatGrowsTooLargeAsJsonIsAFailure) {
  const auto failed = std::get<Failed>(RunJob(Shell("head -c 1000000 /dev/zero")));
  EXPECT_EQ(failed.error_class, "result_too_large");
}

TEST(ExecHandlerTest, AResultWhoseNumbersGrowTooLargeIsAFailure) {
  const auto failed = std::get<Failed>(RunJob(
      Shell("printf '[1e9999'; for i in $(seq 110); do printf ',1e9999'; done; printf ']'")));
  EXPECT_EQ(failed.error_class, "result_too_large");
  EXPECT_NE(failed.message.find("with its numbers written out"), std::string::npos);
}

TEST(ExecHandlerTest, AStopRequestEndsTheAttempt) {
  const ScriptFolder folder;
  const std::filesystem::path started = folder.path() / "started";
  ExecConfig config = Shell("echo began >&2; : > \"$STARTED\"; exec sleep 1000");
  config.env = {"STARTED=" + started.string()};
  std::stop_source stop;
  const std::jthread stopper([&](const std::stop_token& test_over) {
    while (!std::filesystem::exists(started) && !test_over.stop_requested()) {
      std::this_thread::yield();
    }
    stop.request_stop();
  });
  Job job = MakeJob();
  job.stop = stop.get_token();
  const auto failed = std::get<Failed>(RunJob(config, job));
  EXPECT_EQ(failed.error_class, "stopped");
  EXPECT_EQ(failed.message, "the attempt was stopped; the program ended after SIGTERM");
  EXPECT_EQ(failed.detail, "began\n");
  EXPECT_TRUE(failed.retryable);
}

TEST(ExecHandlerTest, AJobStoppedBeforeItsStartRunsNothing) {
  const ScriptFolder folder;
  const std::filesystem::path started = folder.path() / "started";
  ExecConfig config;
  config.program = "touch";
  config.args = {started.string()};
  std::stop_source stop;
  stop.request_stop();
  Job job = MakeJob();
  job.stop = stop.get_token();
  EXPECT_EQ(std::get<Failed>(RunJob(config, job)).error_class, "stopped");
  EXPECT_FALSE(std::filesystem::exists(started));
}

TEST(ExecHandlerTest, AProgramThatVanishedIsARetryableFailure) {
  const ScriptFolder folder;
  ExecConfig config;
  config.program = folder.AddFile("gone", "#!/bin/sh\n", true);
  const CoroutineHandler handler = MakeExecHandler(config);
  std::filesystem::remove(config.program);
  const Job job = MakeJob();
  const auto failed = std::get<Failed>(RunCoroutine(handler(job)));
  EXPECT_EQ(failed.error_class, "exec_failed");
  EXPECT_EQ(failed.message, "cannot run \"" + config.program + "\": No such file or directory");
  EXPECT_TRUE(failed.retryable);
}

TEST(ExecHandlerTest, AFileThatIsNoProgramFailsWithTheReason) {
  const ScriptFolder folder;
  ExecConfig config;
  config.program = folder.AddFile("text", "just text", true);
  const auto failed = std::get<Failed>(RunJob(config));
  EXPECT_EQ(failed.error_class, "exec_failed");
  EXPECT_EQ(failed.message, "cannot run \"" + config.program + "\": Exec format error");
}

TEST(ExecHandlerTest, RunsAScriptByPath) {
  const ScriptFolder folder;
  ExecConfig config;
  config.program = folder.AddFile("script", "#!/bin/sh\necho \"$0 $1\"\n", true);
  config.args = {"argument"};
  EXPECT_EQ(ResultOf(config), '"' + config.program + " argument\"");
}

TEST(ExecHandlerTest, OneHandlerRunsManyJobs) {
  ExecConfig config;
  config.program = "cat";
  const CoroutineHandler handler = MakeExecHandler(config);
  for (int i = 0; i < 3; ++i) {
    const Job job = MakeJob(std::to_string(i));
    EXPECT_EQ(std::get<Succeeded>(RunCoroutine(handler(job))).result, job.payload);
  }
}

TEST(ExecHandlerTest, RefusesAProgramThatCannotBeRun) {
  const ScriptFolder folder;
  const std::string plain = folder.AddFile("plain", "x", false);
  ExecConfig config;
  EXPECT_EQ(WhyRefused(config), "program is empty; name the executable that runs the jobs");
  config.program = "/nonexistent/program";
  EXPECT_EQ(WhyRefused(config), "program \"/nonexistent/program\" does not exist");
  config.program = folder.path().string();
  EXPECT_EQ(WhyRefused(config), "program \"" + folder.path().string() + "\" is a folder");
  config.program = plain;
  EXPECT_EQ(WhyRefused(config),
            "program \"" + plain + "\" may not be executed by this user (chmod +x?)");
  config.program = "/dev/null";
  EXPECT_EQ(WhyRefused(config), "program \"/dev/null\" is not a file");
  config.program = "no-such-program-anywhere";
  EXPECT_NE(WhyRefused(config).find("\"no-such-program-anywhere\" was not found in PATH"),
            std::string::npos)
      << WhyRefused(config);
}

TEST(ExecHandlerTest, RefusesConfigurationThatCannotWork) {
  ExecConfig reserved = Shell("exit 0");
  reserved.env = {"DJPS_JOB_ID=mine"};
  EXPECT_EQ(WhyRefused(reserved),
            "env entry \"DJPS_JOB_ID=mine\": the worker sets DJPS_JOB_ID for each job");
  ExecConfig nameless = Shell("exit 0");
  nameless.env = {"=value"};
  EXPECT_EQ(WhyRefused(nameless), "env entry \"=value\" is neither NAME nor NAME=VALUE");
  ExecConfig with_nul = Shell("exit 0");
  with_nul.args.emplace_back("a\0b", 3);
  EXPECT_EQ(WhyRefused(with_nul),
            "argument \"a\xEF\xBF\xBD"
            "b\" contains a NUL byte; programs cannot receive one");
  ExecConfig negative = Shell("exit 0");
  negative.kill_after = -1ms;
  EXPECT_EQ(WhyRefused(negative), "kill_after (-1 ms) and snooze (30000 ms) must not be negative");
}

}  // namespace
}  // namespace djps::worker
