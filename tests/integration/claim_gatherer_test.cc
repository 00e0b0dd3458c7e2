// Claims of many workers in one statement. tests/unit/group_commit_test.cc tests the lines of a
// group commit.
#include "store/claims/claim_gatherer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "support/together.h"
#include "support/work_api.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;
using store::ClaimedBatch;
using store::ClaimRequest;

ClaimRequest Request(const std::string& worker, std::size_t limit) {
  return {.queue = "default", .types = {"t"}, .limit = limit, .worker = worker, .lease = 10s};
}

class ClaimGathererTest : public StoreTest {
 protected:
  void Claim(Together<ClaimedBatch>& calls, const std::string& worker, std::size_t limit) {
    calls.Start(io_, gatherer_.ClaimJobs(Request(worker, limit), Soon()));
  }

  /// How many jobs all of them got.
  std::size_t JobsOf(Together<ClaimedBatch>& calls) {
    std::size_t jobs = 0;
    for (const auto& outcome : calls.Finish(io_)) {
      EXPECT_TRUE(outcome->value) << outcome->sqlstate;
      if (outcome->value) jobs += outcome->value->jobs.size();
    }
    return jobs;
  }

  /// The lease's worker and its number of jobs.
  std::string LeaseOf(const ClaimedBatch& batch) {
    return sql_.Value(
        fmt::format("select worker || ' ' || cardinality(job_ids) from djps.leases where id = '{}'",
                    batch.lease.ToString()));
  }

  store::ClaimGatherer gatherer_{io_.get_executor(), leases_};
};

TEST_F(ClaimGathererTest, OneWorkerAloneIsServedByAClaimOfItsOwn) {
  Enqueue(std::vector<NewJob>(5, {.type = "t"}));
  const ClaimedBatch batch = Run(gatherer_.ClaimJobs(Request("a", 3), Soon()));
  EXPECT_EQ(batch.jobs.size(), 3U);
  EXPECT_EQ(LeaseOf(batch), "a 3");
  EXPECT_EQ(gatherer_.counts(Request("a", 1)).writes, 1U);
}

TEST_F(ClaimGathererTest, ManyWorkersShareStatementsAndEachGetsALeaseOfItsOwn) {
  Enqueue(std::vector<NewJob>(300, {.type = "t"}));
  Together<ClaimedBatch> calls;
  for (std::size_t i = 0; i < 50; ++i) Claim(calls, fmt::format("worker-{}", i), 1 + i % 5);
  std::set<Uuid> jobs;
  std::set<Uuid> leases;
  std::size_t i = 0;
  for (const auto& outcome : calls.Finish(io_)) {
    ASSERT_TRUE(outcome->value) << outcome->sqlstate;
    const ClaimedBatch& batch = *outcome->value;
    EXPECT_EQ(batch.jobs.size(), 1 + i % 5);
    EXPECT_EQ(LeaseOf(batch), fmt::format("worker-{} {}", i, 1 + i % 5));
    for (const store::ClaimedJob& job : batch.jobs) EXPECT_TRUE(jobs.insert(job.id).second);
    EXPECT_TRUE(leases.insert(batch.lease).second);
    ++i;
  }
  EXPECT_EQ(jobs.size(), 150U);
  EXPECT_EQ(Count("ready"), "150");
  EXPECT_LT(gatherer_.counts(Request("", 1)).writes, 10U);
}

TEST_F(ClaimGathererTest, WhereThereIsNotEnoughTheFirstGetTheirsAndTheRestNoLease) {
  Enqueue(std::vector<NewJob>(25, {.type = "t"}));
  const auto batches = Run(leases_.ClaimForMany(
      {Request("a", 10), Request("b", 10), Request("c", 10), Request("d", 10)}, Soon()));
  ASSERT_EQ(batches.size(), 4U);
  EXPECT_EQ(LeaseOf(batches[0]), "a 10");
  EXPECT_EQ(LeaseOf(batches[1]), "b 10");
  EXPECT_EQ(LeaseOf(batches[2]), "c 5");
  EXPECT_TRUE(batches[3].jobs.empty());
  EXPECT_EQ(Count("leases"), "3");
}

TEST_F(ClaimGathererTest, TheLeaseOfOneWorkerEndsNoJobOfAnother) {
  Enqueue(std::vector<NewJob>(2, {.type = "t"}));
  const auto batches = Run(leases_.ClaimForMany({Request("a", 1), Request("b", 1)}, Soon()));
  const Uuid job_of_a = batches[0].jobs.at(0).id;
  const Uuid job_of_b = batches[1].jobs.at(0).id;
  EXPECT_TRUE(Complete(batches[0].lease, job_of_b).empty());
  EXPECT_EQ(Status(job_of_b), JobStatus::kRunning);
  EXPECT_EQ(Complete(batches[0].lease, job_of_a), std::vector<Uuid>{job_of_a});
  EXPECT_EQ(Complete(batches[1].lease, job_of_b), std::vector<Uuid>{job_of_b});
}

TEST_F(ClaimGathererTest, EachLeaseLastsAsLongAsItsWorkerAsked) {
  Enqueue(std::vector<NewJob>(2, {.type = "t"}));
  ClaimRequest longer = Request("b", 1);
  longer.lease = 600s;
  const auto batches = Run(leases_.ClaimForMany({Request("a", 1), longer}, Soon()));
  EXPECT_GT(batches[1].expires_at - batches[0].expires_at, 580s);
}

TEST_F(ClaimGathererTest, WhatIsOverdueFailsUnderItsOwnLeaseAndTheRestIsHandedOut) {
  const auto past = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now() -
                                                                  std::chrono::hours(1));
  const Uuid overdue = EnqueueOne({.type = "t", .finish_by = past});
  Enqueue(std::vector<NewJob>(3, {.type = "t"}));
  const auto batches = Run(leases_.ClaimForMany({Request("a", 2), Request("b", 2)}, Soon()));
  EXPECT_EQ(batches[0].jobs.size() + batches[1].jobs.size(), 3U);
  EXPECT_EQ(Status(overdue), JobStatus::kDead);
  EXPECT_EQ(Count("leases"), "2");
}

TEST_F(ClaimGathererTest, BehindManyThatAreTooLateTheRestIsFoundAtOnce) {
  const auto past = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now() -
                                                                  std::chrono::hours(1));
  Enqueue(std::vector<NewJob>(30, {.type = "t", .finish_by = past}));
  const Uuid fresh = EnqueueOne({.type = "t"});
  const ClaimedBatch batch = Run(gatherer_.ClaimJobs(Request("a", 5), Soon()));
  ASSERT_EQ(batch.jobs.size(), 1U);
  EXPECT_EQ(batch.jobs[0].id, fresh);
  EXPECT_EQ(sql_.Value("select count(*) from djps.jobs where status = 'dead'"), "30");
}

TEST_F(ClaimGathererTest, WhileTheSizeOfJobsIsUnknownAStatementBringsFewOfThem) {
  Enqueue(std::vector<NewJob>(200, {.type = "t"}));
  Together<ClaimedBatch> calls;
  for (int i = 0; i < 20; ++i) Claim(calls, fmt::format("worker-{}", i), 10);
  EXPECT_EQ(JobsOf(calls), 200U);
  EXPECT_GE(gatherer_.counts(Request("", 1)).writes * store::ClaimGatherer::kFirstSharedJobs, 200U);
}

TEST_F(ClaimGathererTest, LargeJobsAreNotBroughtToManyByOneStatement) {
  const std::string large = '"' + std::string(1'000'000, 'x') + '"';
  Enqueue(std::vector<NewJob>(7, {.type = "t", .payload = large}));
  EXPECT_EQ(Run(gatherer_.ClaimJobs(Request("first", 1), Soon())).jobs.size(), 1U);
  Together<ClaimedBatch> calls;
  for (int i = 0; i < 6; ++i) Claim(calls, fmt::format("worker-{}", i), 5);
  EXPECT_EQ(JobsOf(calls), 6U);
  EXPECT_EQ(gatherer_.counts(Request("", 1)).writes, 7U) << "each by a statement of its own";
}

TEST_F(ClaimGathererTest, OverHttpEveryWorkerGetsItsOwn) {
  ApiServer server(conninfo_);
  Enqueue(std::vector<NewJob>(40, {.type = "t"}));
  const auto io = std::make_shared<boost::asio::io_context>(1);
  std::deque<HttpClient> clients;
  for (int i = 0; i < 20; ++i) {
    const std::string body = fmt::format(R"({{"worker":"w{}","types":["t"],"max":2}})", i);
    clients.emplace_back(server.port(), io);
    clients.back().SendRaw(
        fmt::format("POST /worker/claim HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    body.size(), body));
  }
  std::set<std::string> jobs;
  std::set<std::string> leases;
  for (HttpClient& client : clients) {
    const HttpReply reply = client.ReadReply();
    ASSERT_EQ(reply.status, 200) << reply.body;
    const auto claimed = reply.Json().as_object();
    leases.insert(TextOf(claimed, "lease"));
    for (const auto& job : claimed.at("jobs").as_array()) {
      EXPECT_EQ(TextOf(job.as_object(), "lease_token"), TextOf(claimed, "lease"));
      jobs.insert(TextOf(job.as_object(), "id"));
    }
  }
  EXPECT_EQ(jobs.size(), 40U);
  EXPECT_EQ(leases.size(), 20U);
}

TEST(ClaimStatementsTest, BothClaimTheSameJobsInTheSameOrder) {
  const auto claimed = [](const pg::Statement& statement) {
    const std::size_t begin = statement.text.find("with claimed as (");
    return statement.text.substr(begin, statement.text.find("\n),\n", begin) - begin);
  };
  EXPECT_GT(claimed(sql::kClaimJobs).size(), 500U);
  EXPECT_EQ(claimed(sql::kClaimJobs), claimed(sql::kClaimJobsForMany));
}

}  // namespace
}  // namespace djps::test_support
