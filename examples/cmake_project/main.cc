// Submits a job, works on it in a thread of its own, and prints the result.
#include <djps/client.h>
#include <djps/worker.h>

#include <iostream>
#include <thread>

int main() {
  djps::Worker worker({.concurrency = 2});  // DATABASE_URL, or the PG* variables
  worker.Handle("greet", [](const djps::Job&) -> djps::Outcome {
    return djps::Succeeded{R"({"greeting": "hello"})"};
  });
  std::thread working([&worker] { worker.Run(); });

  djps::Client client;
  djps::Result<djps::JobRecord> greeted;
  const auto submitted = client.Submit({.type = "greet", .payload = R"({"whom": "you"})"});
  if (submitted) {
    greeted = client.Wait(submitted->id, std::chrono::seconds(30));
  } else {
    greeted = tl::unexpected(submitted.error());
  }
  worker.Stop();
  working.join();

  if (!greeted || !greeted->result) {
    std::cerr << (greeted ? "not done in time" : greeted.error().message) << "\n";
    return 1;
  }
  std::cout << djps::StatusName(greeted->status) << " " << *greeted->result << "\n";
  return 0;
}
