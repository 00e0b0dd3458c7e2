#include <djps/client.h>

#include <iostream>

int main() {
  djps::Client client;  // DATABASE_URL, or the PG* variables
  const auto job = client.Submit({.type = "email_send",
                                  .payload = R"({"to": "ann@example.com"})",
                                  .idempotency_key = "welcome-ann"});
  if (!job) {
    std::cerr << djps::ErrorName(job.error().code) << ": " << job.error().message << "\n";
    return 1;
  }
  const auto ended = client.Wait(job->id, std::chrono::seconds(30));
  if (ended && ended->result) std::cout << *ended->result << "\n";
}
