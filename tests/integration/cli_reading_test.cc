// The commands that look at jobs and queues, as processes beside a `djps dev`.
#include "integration/cli_program.h"
#include "pg/session.h"

namespace djps::cli {
namespace {

/// `djps dev` runs only jobs of type echo.
class CliReadingTest : public DevSuite {
 protected:
  static std::string Enqueue(const std::string& type, const std::string& queue = "default") {
    const Ended ended = dev_->Run({"enqueue", "--type", type, "--queue", queue});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.out.substr(0, 36);
  }
};

TEST_F(CliReadingTest, ListsJobsForPeopleAndPrograms) {
  const std::string first = Enqueue("list.a");
  const std::string second = Enqueue("list.b", "list");
  const Ended table = dev_->Run({"job", "list", "--queue", "list"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_TRUE(table.out.starts_with("ID ")) << table.out;
  EXPECT_TRUE(Contains(table.out, second + "  queued  list.b")) << table.out;
  EXPECT_FALSE(Contains(table.out, first));
  EXPECT_FALSE(Contains(table.out, "\x1b")) << "no colours where there is no terminal";

  const Ended json = dev_->Run({"job", "list", "--type", "list.a", "--json"});
  ASSERT_EQ(json.code, 0) << json.err;
  ASSERT_EQ(json.Json().at("jobs").as_array().size(), 1U);
  EXPECT_EQ(json.Json().at("jobs").at(0).at("id"), boost::json::value(first));
  EXPECT_TRUE(json.Json().at("next_cursor").is_null());

  const Ended none = dev_->Run({"job", "list", "--type", "list.none"});
  EXPECT_EQ(none.code, 0);
  EXPECT_EQ(none.out, "no such jobs\n");
}

TEST_F(CliReadingTest, WhatWasAcceptedCanBeReadHoweverDeepItIs) {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  const Ended made = dev_->Run({"enqueue", "--type", "deep", "--payload", deep});
  ASSERT_EQ(made.code, 0) << made.err;
  const std::string id = made.out.substr(0, 36);
  for (const Args& args :
       {Args{"job", "get", id}, Args{"job", "get", id, "--json"},
        Args{"job", "list", "--type", "deep"}, Args{"job", "list", "--type", "deep", "--json"},
        Args{"job", "explain", id}, Args{"job", "edit", id, "--priority", "3"}, Args{"job", "list"},
        Args{"audit"}}) {
    const Ended ended = dev_->Run(args);
    EXPECT_EQ(ended.code, 0) << args[1] << ": " << ended.err;
  }
  EXPECT_TRUE(Contains(dev_->Run({"job", "get", id, "--json"}).out, deep));
}

TEST_F(CliReadingTest, AListGoesOnWhereTheLastOneEnded) {
  std::set<std::string> jobs;
  for (int i = 0; i < 3; ++i) jobs.insert(Enqueue("pages"));
  Args args = {"job", "list", "--type", "pages", "--limit", "1", "--json"};
  std::set<std::string> listed;
  for (std::size_t page = 0; page < jobs.size(); ++page) {
    const boost::json::object answer = dev_->Run(args).Json();
    listed.insert(answer.at("jobs").at(0).at("id").as_string().c_str());
    if (page + 1 == jobs.size()) {
      EXPECT_TRUE(answer.at("next_cursor").is_null());
      break;
    }
    args.resize(7);
    args.insert(args.end(), {"--cursor", answer.at("next_cursor").as_string().c_str()});
  }
  EXPECT_EQ(listed, jobs);
}

TEST_F(CliReadingTest, RefusesListsThatTheServerWouldRefuse) {
  for (const Args& args :
       {Args{"--status", "done"}, Args{"--limit", "0"}, Args{"--limit", "1001"}, Args{"--key", "k"},
        Args{"--order", "random"}, Args{"--cursor", "x"}, Args{"--created-after", "yesterday"},
        Args{"--watch", "--json"}, Args{"--statuses", "x"}}) {
    Args all = {"job", "list"};
    all.insert(all.end(), args.begin(), args.end());
    const Ended ended = dev_->Run(all);
    EXPECT_EQ(ended.code, 2) << testing::PrintToString(args) << ended.err;
    EXPECT_EQ(ended.out, "");
  }
}

TEST_F(CliReadingTest, WatchingShowsTheListAgainUntilNobodyReads) {
  Enqueue("watched");
  Args args = WithBinary({"job", "list", "--type", "watched", "--watch", "--data", dev_->data()});
  Program program(args);
  EXPECT_TRUE(WaitUntil([&] {
    const std::string out = program.Out();
    return out.find("watched") != out.rfind("watched");
  })) << program.Err();
  program.Signal(SIGINT);
  EXPECT_EQ(program.Wait().code, 128 + SIGINT);
}

TEST_F(CliReadingTest, WaitTellsByItsExitCodeHowJobsEnded) {
  const std::string good = Enqueue("echo");
  const std::string also = Enqueue("echo");
  const Ended done = dev_->Run({"job", "wait", good, also});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(Contains(done.out, good + "  succeeded")) << done.out;
  EXPECT_TRUE(Contains(done.out, also + "  succeeded")) << done.out;
  const Ended json = dev_->Run({"job", "wait", good, "--json"});
  EXPECT_EQ(json.Json().at("jobs").at(0).at("status"), "succeeded");

  const std::string stuck = Enqueue("nobody");
  const Ended late = dev_->Run({"job", "wait", good, stuck, "--timeout", "100ms"});
  EXPECT_EQ(late.code, 4);
  EXPECT_TRUE(Contains(late.err, stuck + " is still queued after 100ms")) << late.err;

  const std::string no_job = "019a2b3c-4d5e-7f60-8123-456789abcdef";
  EXPECT_EQ(dev_->Run({"job", "wait", no_job}).code, 1);
  EXPECT_EQ(dev_->Run({"job", "wait", "nonsense"}).code, 2);
  EXPECT_EQ(dev_->Run({"job", "wait"}).code, 2);
  EXPECT_EQ(Djps({"job", "wait", good, "--server", "http://127.0.0.1:1"}).code, 5);
}

TEST_F(CliReadingTest, AJobThatDiesIsShownWithItsAttempts) {
  const Ended enqueued = dev_->Run({"enqueue", "--type", "dies", "--max-attempts", "1"});
  const std::string id = enqueued.out.substr(0, 36);
  EXPECT_EQ(dev_->Run({"job", "attempts", id}).out, "no attempt has failed\n");
  Args worker =
      WithBinary({"worker", "--type", "dies", "--data", dev_->data(), "--exec", "/bin/false"});
  Program program(worker);
  const Ended waited = dev_->Run({"job", "wait", id});
  EXPECT_EQ(waited.code, 3) << waited.err << program.Err();
  EXPECT_TRUE(Contains(waited.out, id + "  dead")) << waited.out;

  const Ended attempts = dev_->Run({"job", "attempts", id});
  EXPECT_EQ(attempts.code, 0) << attempts.err;
  EXPECT_TRUE(Contains(attempts.out, "exit_1")) << attempts.out;
  EXPECT_EQ(dev_->Run({"job", "attempts", id, "--json"}).Json().at("attempts").as_array().size(),
            1U);
  EXPECT_TRUE(Contains(dev_->Run({"job", "list", "--status", "dead"}).out, id));
}

TEST_F(CliReadingTest, ExplainsWhyAJobDoesNotRun) {
  const std::string id = Enqueue("nobody", "explained");
  const Ended ended = dev_->Run({"job", "explain", id});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_TRUE(Contains(ended.out, "\n  reason ")) << ended.out;
  EXPECT_TRUE(dev_->Run({"job", "explain", id, "--json"}).Json().at("reason").is_string());
}

TEST_F(CliReadingTest, ShowsQueuesAndStats) {
  Enqueue("nobody", "shown");
  const Ended list = dev_->Run({"queue", "list"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_TRUE(Contains(list.out, "\nshown ")) << list.out;
  const Ended get = dev_->Run({"queue", "get", "shown"});
  EXPECT_EQ(get.code, 0) << get.err;
  EXPECT_TRUE(Contains(get.out, "queue shown\n  queued      1\n")) << get.out;
  EXPECT_EQ(dev_->Run({"queue", "get", "shown", "--json"}).Json().at("queued"), 1);
  EXPECT_EQ(dev_->Run({"queue", "get", "a/b"}).code, 0) << "a slash belongs to the name";
  EXPECT_EQ(dev_->Run({"queue", "get", "a b"}).code, 2);
  EXPECT_EQ(dev_->Run({"queue", "get"}).code, 2);

  const Ended stats = dev_->Run({"stats"});
  EXPECT_EQ(stats.code, 0) << stats.err;
  EXPECT_TRUE(Contains(stats.out, "jobs ended per second")) << stats.out;
  EXPECT_GE(dev_->Run({"stats", "--json"}).Json().at("jobs").at("queued").as_int64(), 1);
}

TEST_F(CliReadingTest, FollowsThePagesOfTheQueues) {
  pg::Session(DatabaseUrl())
      .Run(
          "insert into djps.queues (lane, name, max_backlog) "
          "select 0, 'zz.' || i, 5 from generate_series(1001, 2300) i");
  const auto all = dev_->Run({"queue", "list", "--limit", "5000", "--json"}).Json();
  EXPECT_GE(all.at("queues").as_array().size(), 1'300U);
  EXPECT_EQ(all.at("queues").as_array().back().at("name"), "zz.2300");
  EXPECT_TRUE(all.at("next_cursor").is_null());
  const Ended part = dev_->Run({"queue", "list"});
  const std::size_t more = part.out.find("more: --cursor ");
  ASSERT_NE(more, std::string::npos) << "1,000, and how to go on";
  std::string cursor = part.out.substr(more + 15);
  cursor.pop_back();
  const Ended rest = dev_->Run({"queue", "list", "--cursor", cursor});
  EXPECT_EQ(rest.code, 0) << rest.err;
  EXPECT_TRUE(Contains(rest.out, "\nzz.2300 ")) << rest.out;
  EXPECT_FALSE(Contains(rest.out, "more:")) << rest.out;
}

TEST(CliReadingUsageTest, NeedsAServerAndSaysSo) {
  for (const Args& args : {Args{"job", "list"}, Args{"queue", "list"}, Args{"stats"}}) {
    Args all = args;
    all.insert(all.end(), {"--server", "http://127.0.0.1:1"});
    const Ended ended = Djps(all);
    EXPECT_EQ(ended.code, 5) << ended.err;
    EXPECT_TRUE(Contains(ended.err, "no server at http://127.0.0.1:1")) << ended.err;
  }
}

}  // namespace
}  // namespace djps::cli
