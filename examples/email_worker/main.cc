#include <djps/worker.h>

#include <iostream>

int main() {
  djps::Worker worker({.concurrency = 8});  // DATABASE_URL, or the PG* variables
  worker.Handle("email_send", [](const djps::Job& job) -> djps::Outcome {
    std::cout << "attempt " << job.attempt << ": " << job.payload << "\n";
    return djps::Succeeded{R"({"sent": true})"};
  });
  worker.Run();  // until SIGTERM; then running jobs get 20 s to finish
}
