#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/value.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "store/operator_store.h"
#include "store/progress_store.h"
#include "store/worker_store.h"
#include "support/api_server.h"
#include "support/store_fixture.h"

namespace djps::test_support {

namespace json = boost::json;

/// A job as a worker holds it.
struct HeldJob {
  std::string id;
  std::string lease;

  /// `{"id": …, "leaseToken": …` and then `more`.
  std::string With(std::string_view more = {}) const {
    return fmt::format(R"({{"id":"{}","leaseToken":"{}"{}}})", id, lease, more);
  }
};

inline std::string TextOf(const json::object& object, std::string_view name) {
  return std::string(object.at(name).as_string());
}

/// The calls of a worker over HTTP, with its own server and database.
class WorkApiTest : public StoreTest {
 protected:
  HttpReply Post(std::string_view path, std::string_view body) { return client_.Post(path, body); }

  json::object Ok(std::string_view path, std::string_view body) {
    const HttpReply reply = Post(path, body);
    EXPECT_EQ(reply.status, 200) << path << " " << reply.body;
    return reply.Json().as_object();
  }
  json::object GetOk(const std::string& path) {
    const HttpReply reply = client_.Get(path);
    EXPECT_EQ(reply.status, 200) << path << " " << reply.body;
    return reply.Json().as_object();
  }

  static std::vector<HeldJob> JobsOf(const json::object& claim) {
    std::vector<HeldJob> jobs;
    for (const json::value& job : claim.at("jobs").as_array()) {
      jobs.push_back({TextOf(job.as_object(), "id"), TextOf(job.as_object(), "lease_token")});
    }
    return jobs;
  }

  std::vector<HeldJob> ClaimSome(int max = 10) {
    return JobsOf(
        Ok("/worker/claim", fmt::format(R"({{"worker":"w","types":["t"],"max":{}}})", max)));
  }
  /// A new job, claimed.
  HeldJob Hold() {
    EnqueueOne({.type = "t"});
    const auto jobs = ClaimSome(1);
    if (jobs.size() != 1) throw std::runtime_error("nothing was claimed");
    return jobs[0];
  }

  /// Sends a claim that may wait; does not wait for the answer.
  static void SendClaim(HttpClient& client, std::string_view worker, int wait_ms = 60'000) {
    const std::string body =
        fmt::format(R"({{"worker":"{}","types":["t"],"waitMs":{}}})", worker, wait_ms);
    client.SendRaw(
        fmt::format("POST /worker/claim HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    body.size(), body));
  }

  bool Eventually(const std::string& query, const std::string& expected) {
    return RunUntil(io_, [&] { return sql_.Value(query) == expected; });
  }
  /// The server has read the claim of this worker.
  bool Seen(const std::string& worker) {
    return Eventually("select count(*) from djps.workers where name = '" + worker + "'", "1");
  }

  std::string StatusOf(const std::string& id) {
    return sql_.Value("select status from djps.jobs where id = '" + id + "'");
  }

  ApiServer server_{conninfo_};
  HttpClient client_ = server_.Connect();
};

/// A lease that does not exist.
inline constexpr std::string_view kNoLease = "00000000-0000-4000-8000-000000000000";

}  // namespace djps::test_support
