// The Idempotency-Key of a batch, strict batches, and keys that lead out of a token's restriction.
#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <deque>
#include <set>

#include "server/routes/key_header.h"
#include "support/token_server.h"
#include "support/work_api.h"

namespace djps::test_support {
namespace {

class BatchKeyTest : public WorkApiTest {
 protected:
  HttpReply Send(const std::string& jobs, const std::string& key, bool strict = false) {
    HttpClient::Headers headers;
    if (!key.empty()) headers.emplace_back("Idempotency-Key", key);
    if (strict) headers.emplace_back("Prefer", "handling=strict");
    return client_.Send("POST", "/jobs/batch", R"({"jobs":[)" + jobs + "]}", headers);
  }

  static std::vector<std::string> IdsOf(const HttpReply& reply) {
    std::vector<std::string> ids;
    const json::value answer = reply.Json();
    for (const json::value& job : answer.at("jobs").as_array()) {
      ids.push_back(TextOf(job.as_object(), "id"));
    }
    return ids;
  }
  static std::string Detail(const HttpReply& reply) {
    return TextOf(reply.Json().as_object(), "detail");
  }

  /// How many rows there are of all that a submission writes.
  std::string Stored() {
    return Count("facts") + " " + Count("ready") + " " + Count("idempotency_keys");
  }
};

TEST_F(BatchKeyTest, ABatchSentAgainUnderItsKeyIsAnsweredWithTheSameJobs) {
  const std::string jobs = R"({"type":"t","payload":1},{"type":"t","tags":["a"]},{"type":"u"})";
  const HttpReply first = Send(jobs, "\"order-17\"");
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(first.Header("Idempotency-Replayed"), "");
  const HttpReply again = Send(jobs, "order-17");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.Header("Idempotency-Replayed"), "true");
  EXPECT_EQ(again.Header("Idempotency-Payload-Differs"), "");
  EXPECT_EQ(IdsOf(again), IdsOf(first));
  const json::object answer = again.Json().as_object();
  EXPECT_EQ(answer.at("created"), 0);
  EXPECT_EQ(answer.at("replayed"), 3);
  for (const json::value& job : answer.at("jobs").as_array()) {
    EXPECT_EQ(job.at("replayed"), true);
  }
  EXPECT_EQ(Stored(), "3 3 3");
  EXPECT_EQ(Send(jobs, "order-18").status, 201) << "another key";
  EXPECT_EQ(Send(jobs, "").status, 201) << "and none";
}

TEST_F(BatchKeyTest, AKeyOfTheHeaderMayHaveALifetimeToo) {
  const HttpReply one = client_.Send("POST", "/jobs", R"({"type":"t","keyLifetimeMs":60000})",
                                     {{"Idempotency-Key", "one"}});
  EXPECT_EQ(one.status, 201) << one.body;
  EXPECT_EQ(Send(R"({"type":"t","keyLifetimeMs":60000},{"type":"t"})", "many").status, 201);
  EXPECT_EQ(sql_.Value("select string_agg(key, ',' order by key) from djps.idempotency_keys "
                       "where expires_at is not null"),
            "many/0,one");
  EXPECT_EQ(client_.Post("/jobs", R"({"type":"t","keyLifetimeMs":60000})").status, 422)
      << "without any key";
}

TEST_F(BatchKeyTest, SentByManyAtOnceItIsStoredOnce) {
  const auto io = std::make_shared<boost::asio::io_context>(1);
  std::deque<HttpClient> clients;
  const std::string body = R"({"jobs":[{"type":"t"},{"type":"t"},{"type":"t"}]})";
  for (int i = 0; i < 10; ++i) {
    clients.emplace_back(server_.port(), io);
    clients.back().SendRaw(
        fmt::format("POST /jobs/batch HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\n"
                    "Prefer: handling={}\r\nContent-Length: {}\r\n\r\n{}",
                    i % 2 == 0 ? "strict" : "lenient", body.size(), body));
  }
  std::set<std::vector<std::string>> answers;
  int created = 0;
  for (HttpClient& client : clients) {
    const HttpReply reply = client.ReadReply();
    ASSERT_LE(reply.status, 201) << reply.body;
    if (reply.status == 201) ++created;
    answers.insert(IdsOf(reply));
  }
  EXPECT_EQ(created, 1);
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_EQ(Stored(), "3 3 3");
}

TEST_F(BatchKeyTest, TheKeyCoversEachJobByItsTypeAndPlace) {
  const HttpReply first = Send(R"({"type":"t","payload":1},{"type":"t","payload":2})", "k");
  ASSERT_EQ(first.status, 201);
  // The same place with another payload, another type, and one more.
  const HttpReply other =
      Send(R"({"type":"t","payload":7},{"type":"u","payload":2},{"type":"t","payload":3})", "k");
  EXPECT_EQ(other.status, 201);
  EXPECT_EQ(other.Header("Idempotency-Replayed"), "") << "some are new";
  EXPECT_EQ(other.Header("Idempotency-Payload-Differs"), "true");
  EXPECT_EQ(other.Json().at("replayed"), 1);
  EXPECT_EQ(other.Json().at("created"), 2);
  EXPECT_EQ(IdsOf(other)[0], IdsOf(first)[0]);
  EXPECT_EQ(sql_.Value("select string_agg(type || ' ' || idempotency_key || ' ' || payload, ', ' "
                       "order by type, idempotency_key) from djps.facts"),
            "t k/0 1, t k/1 2, t k/2 3, u k/1 2");
}

TEST_F(BatchKeyTest, AKeyOfAJobsOwnCountsInsteadOfTheHeader) {
  const std::string jobs = R"({"type":"t","idempotencyKey":"own"},{"type":"t"})";
  const HttpReply first = Send(jobs, "k");
  ASSERT_EQ(first.status, 201);
  EXPECT_EQ(sql_.Value("select string_agg(key, ' ' order by key) from djps.idempotency_keys"),
            "k/1 own");
  const HttpReply single = Post("/jobs", R"({"type":"t","idempotencyKey":"own"})");
  EXPECT_EQ(single.status, 200);
  EXPECT_EQ(TextOf(single.Json().as_object(), "id"), IdsOf(first)[0]);
  EXPECT_EQ(Send(jobs, "another").Json().at("replayed"), 1);
}

TEST_F(BatchKeyTest, UniqueJobsUnderTheKeyLeadToTheSameJobsAgain) {
  const std::string jobs = R"({"type":"t","unique":{}},{"type":"t","unique":{}},{"type":"t"})";
  const HttpReply first = Send(jobs, "k");
  ASSERT_EQ(first.status, 201);
  EXPECT_EQ(first.Json().at("created"), 2);
  const HttpReply again = Send(jobs, "k");
  EXPECT_EQ(again.Json().at("replayed"), 3);
  EXPECT_EQ(IdsOf(again), IdsOf(first));
  // A conflict is no replay.
  const HttpReply conflict = Send(R"({"type":"t","unique":{}})", "");
  EXPECT_EQ(conflict.status, 200);
  EXPECT_EQ(conflict.Header("Idempotency-Replayed"), "");
}

TEST_F(BatchKeyTest, TheHeaderLeavesRoomForThePlace) {
  const std::string longest(server::kBatchKeyBytesMax, 'k');
  const HttpReply refused = Send(R"({"type":"t"})", longest + "k");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(Detail(refused),
            "Idempotency-Key must be at most 250 bytes long for a batch, got 251.");
  EXPECT_EQ(Send(R"({"type":"t"},{"type":"t"})", longest).status, 201);
  std::string most = R"({"type":"t"})";
  for (int i = 1; i < 10'000; ++i) most += R"(,{"type":"t"})";
  EXPECT_EQ(Send(most, longest).Json().at("created"), 9'998);
  EXPECT_EQ(sql_.Value("select max(octet_length(key)) from djps.idempotency_keys"), "255");
}

TEST_F(BatchKeyTest, AHeaderThatIsNoKeyIsRefusedByName) {
  const HttpReply two = client_.Send("POST", "/jobs/batch", R"({"jobs":[{"type":"t"}]})",
                                     {{"Idempotency-Key", "a"}, {"Idempotency-Key", "b"}});
  EXPECT_EQ(two.status, 422);
  EXPECT_EQ(Detail(two), R"(Idempotency-Key is sent twice, as "a" and as "b"; send one of them.)");
  EXPECT_EQ(Send(R"({"type":"t"})", "\"\"").status, 422);
  EXPECT_EQ(Send(R"({"type":"t"})", "a\xff").status, 422);
  EXPECT_EQ(Stored(), "0 0 0");
}

TEST_F(BatchKeyTest, AStrictBatchIsRefusedAsAWhole) {
  const HttpReply first = Send(R"({"type":"t","payload":1},{"type":"t","payload":2})", "k");
  ASSERT_EQ(first.status, 201);
  ASSERT_EQ(Post("/jobs", R"({"type":"t","payload":3,"idempotencyKey":"own"})").status, 201);
  const std::string before = Stored();
  struct Case {
    std::string jobs;
    std::string key;
    std::string item;
  };
  const std::vector<Case> cases = {
      {R"({"type":"t","payload":1},{"type":"t","payload":9},{"type":"t"})", "k", "jobs[1]: "},
      {R"({"type":"new"},{"type":"t","payload":9,"idempotencyKey":"own"})", "", "jobs[1]: "},
      {R"({"type":"new","unique":{}},{"type":"new","idempotencyKey":"n"},{"type":"new"},)"
       R"({"type":"t","idempotencyKey":"own"},{"type":"t","idempotencyKey":"own"})",
       "other", "jobs[3]: "},
  };
  for (const Case& wrong : cases) {
    EXPECT_LE(Send(R"({"type":"t","payload":1})", "k", true).status, 200) << "no difference";
    const HttpReply refused = Send(wrong.jobs, wrong.key, true);
    EXPECT_EQ(refused.status, 422) << wrong.jobs;
    EXPECT_EQ(refused.Json().at("type"), "urn:djps:problem:idempotency-key-reused");
    EXPECT_TRUE(Detail(refused).starts_with(wrong.item)) << refused.body;
    EXPECT_EQ(Stored(), before) << wrong.jobs;
    EXPECT_EQ(Count("unique_keys"), "0");
  }
  const HttpReply second = Send(cases[0].jobs, "k", true);
  EXPECT_EQ(Detail(second),
            fmt::format("jobs[1]: The key \"k/1\" names job {}, which was submitted "
                        "with another payload. Nothing was stored.",
                        IdsOf(first)[1]));
  // Without strictness the same is a replay, and a server may always be strict.
  EXPECT_EQ(Send(cases[0].jobs, "k").status, 201);
  const ApiServer strict(conninfo_, {.strict_idempotency = true});
  HttpClient client = strict.Connect();
  EXPECT_EQ(client.Post("/jobs/batch", R"({"jobs":[)" + cases[1].jobs + "]}").status, 422);
}

TEST_F(BatchKeyTest, AStrictBatchThatContradictsItselfIsRefused) {
  const std::string jobs = R"({"type":"t"},{"type":"t","payload":1,"idempotencyKey":"k"},)"
                           R"({"type":"t","payload":2,"idempotencyKey":"k"})";
  const HttpReply refused = Send(jobs, "", true);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(
      Detail(refused),
      "jobs[2]: The key \"k\" is also that of jobs[1], which has another payload. Nothing was "
      "stored.");
  EXPECT_EQ(Stored(), "0 0 0");
  EXPECT_EQ(Send(jobs, "").Json().at("created"), 2);
}

TEST_F(BatchKeyTest, AStrictBatchThatFitsIsStoredLikeAnyOther) {
  const std::string jobs =
      R"({"type":"t","payload":{"n":1e2},"priority":-3,"maxAttempts":4},{"type":"t","payload":null},)"
      R"({"type":"t","queue":"q","tags":["a"],"delayMs":60000})";
  const HttpReply plain = Send(jobs, "plain");
  const HttpReply strict = Send(jobs, "strict", true);
  ASSERT_EQ(strict.status, 201) << strict.body;
  const std::string without_key =
      "select string_agg((to_jsonb(f) - '{id,created_at,run_at,idempotency_key}'::text[])::text, "
      "'|' "
      "order by idempotency_key) from djps.facts f where idempotency_key like '";
  EXPECT_EQ(sql_.Value(without_key + "strict/%'"), sql_.Value(without_key + "plain/%'"));
  EXPECT_EQ(ClaimSome().size(), 4U) << "of the default queue, of both";
  EXPECT_EQ(IdsOf(Send(jobs, "strict", true)), IdsOf(strict));
  EXPECT_EQ(IdsOf(Send(jobs, "plain", true)), IdsOf(plain));
}

/// What a token that is restricted to the queue "mine" learns of others' jobs through a batch.
class BatchScopeTest : public TokenServerTest {
 protected:
  BatchScopeTest() {
    NewJob other{.type = "t"};
    other.queue = "other";
    other.idempotency_key = "k";
    others_job_ = EnqueueOne(other).ToString();
    other.idempotency_key = "batch/1";
    EnqueueOne(other);
  }

  HttpReply Send(const std::string& token, const std::string& jobs,
                 HttpClient::Headers headers = {}) {
    headers.emplace_back("Authorization", "Bearer " + token);
    return client_.Send("POST", "/jobs/batch", R"({"jobs":[)" + jobs + "]}", headers);
  }

  std::string others_job_;
};

TEST_F(BatchScopeTest, AKeyOfAnotherQueueIsRefusedWithoutSayingWhose) {
  const std::string token = MakeToken("mine", "submit", {"mine"});
  const std::string before = Count("facts") + Count("idempotency_keys");
  const std::string mine = R"({"type":"t","queue":"mine")";
  const std::string known = mine + R"(},)" + mine + R"(,"idempotencyKey":"k"})";
  const HttpReply plain = Send(token, known);
  EXPECT_EQ(plain.status, 403);
  EXPECT_EQ(plain.Json().at("detail"),
            "jobs[1]: A job that the token \"mine\" may not see has this idempotencyKey, or is the "
            "unique one. Nothing was stored.");
  const HttpReply strict = Send(token, known, {{"Prefer", "handling=strict"}});
  const HttpReply guessed =
      Send(token, mine + "}," + mine + R"(,"idempotencyKey":"k","payload":1})",
           {{"Prefer", "handling=strict"}});
  const HttpReply derived = Send(token, mine + "}," + mine + "}", {{"Idempotency-Key", "batch"}});
  for (const HttpReply* reply : {&plain, &strict, &guessed, &derived}) {
    EXPECT_EQ(reply->status, 403) << reply->body;
    EXPECT_EQ(reply->Json().at("detail"), plain.Json().at("detail"));
    EXPECT_EQ(reply->body.find(others_job_), std::string::npos);
  }
  EXPECT_EQ(Count("facts") + Count("idempotency_keys"), before) << "nothing was stored";
  const HttpReply all = Send(MakeToken("all", "submit"), known);
  EXPECT_EQ(all.status, 201);
  EXPECT_NE(all.body.find(others_job_), std::string::npos);
}

TEST_F(BatchScopeTest, AUniqueJobOfAnotherQueueIsNotShownEither) {
  const std::string token = MakeToken("mine", "submit", {"mine"});
  const std::string unique = R"({"type":"t","queue":"mine","unique":{"queue":true}})";
  ASSERT_EQ(Send(token, unique).status, 201);
  EXPECT_EQ(Send(token, unique).status, 200) << "its own";
  // No operation moves a job to another queue today; the refusal does not depend on that.
  sql_.Run("update djps.facts set queue = 'other' where queue = 'mine'");
  const HttpReply refused = Send(token, unique);
  EXPECT_EQ(refused.status, 403) << refused.body;
}

TEST_F(BatchScopeTest, WhatIsTheTokensOwnIsAnsweredAsEver) {
  const std::string token = MakeToken("mine", "submit", {"mine", "second"}, {"t"});
  const std::string jobs =
      R"({"type":"t","queue":"mine"},{"type":"t","queue":"second","idempotencyKey":"own"})";
  const HttpReply first = Send(token, jobs, {{"Idempotency-Key", "b"}});
  ASSERT_EQ(first.status, 201) << first.body;
  const HttpReply again = Send(token, jobs, {{"Idempotency-Key", "b"}});
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.Header("Idempotency-Replayed"), "true");
  EXPECT_EQ(again.Json().at("jobs").at(0).at("id"), first.Json().at("jobs").at(0).at("id"));
}

}  // namespace
}  // namespace djps::test_support
