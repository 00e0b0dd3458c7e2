// The embedded PostgreSQL against real server programs: it is created, crashed and taken over here.
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>

#include "embedded/cluster.h"
#include "support/run_coroutine.h"
#include "support/temporary_folder.h"

namespace djps::embedded {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience(60);
constexpr std::uintmax_t kLargeLogBytes = 11'000'000;  // A little over what is kept.

using TempDir = test_support::TemporaryFolder;

using ConnPtr = std::unique_ptr<PGconn, decltype(&PQfinish)>;

ConnPtr Connect(const std::string& connection_string) {
  return {PQconnectdb(connection_string.c_str()), &PQfinish};
}

/// The first value of the first row; the error text when there is none.
std::string Query(const std::string& connection_string, const std::string& sql) {
  const ConnPtr connection = Connect(connection_string);
  if (PQstatus(connection.get()) != CONNECTION_OK) return PQerrorMessage(connection.get());
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()),
                                                             &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK) return "ok";
  if (status != PGRES_TUPLES_OK) return PQerrorMessage(connection.get());
  return PQntuples(result.get()) == 0 ? "no row" : PQgetvalue(result.get(), 0, 0);
}

bool WaitUntil(const std::function<bool()>& condition) {
  boost::asio::io_context io(1);
  return test_support::RunUntil(io, condition, kPatience);
}

std::string ReadText(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteText(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

void WriteProgram(const fs::path& path, const std::string& script) {
  WriteText(path, "#!/bin/sh\n" + script + "\n");
  fs::permissions(path, static_cast<fs::perms>(0755));
}

uid_t OwnerOf(const fs::path& path) {
  struct stat info{};
  EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
  return info.st_uid;
}

/// The effective user of a process, from /proc.
std::string UserOf(int pid) {
  std::istringstream lines(ReadText(fs::path("/proc") / std::to_string(pid) / "status"));
  for (std::string word; lines >> word;) {
    if (word != "Uid:") continue;
    std::string real;
    std::string effective;
    lines >> real >> effective;
    return effective;
  }
  return "no such process";
}

ClusterConfig FastConfig(const fs::path& data_dir) {
  const Result<ServerBinaries> binaries = FindServerBinaries(std::nullopt);
  if (!binaries) throw std::runtime_error(binaries.error().message);
  return ClusterConfig{.binaries = *binaries, .data_dir = data_dir, .durable = false};
}

/// For tests that kill the server, which then may lose what it acknowledged if it is not durable.
ClusterConfig DurableConfig(const fs::path& data_dir) {
  ClusterConfig config = FastConfig(data_dir);
  config.durable = true;
  return config;
}

std::unique_ptr<Cluster> MustStart(ClusterConfig config) {
  Result<std::unique_ptr<Cluster>> cluster = Cluster::Start(std::move(config));
  if (!cluster) throw std::runtime_error(cluster.error().message);
  return *std::move(cluster);
}

Error MustNotStart(ClusterConfig config) {
  const Result<std::unique_ptr<Cluster>> cluster = Cluster::Start(std::move(config));
  if (cluster) throw std::runtime_error("the cluster started, although it should not");
  return cluster.error();
}

std::string SaveRow(const std::string& connection_string) {
  return Query(connection_string, "create table saved as select 'kept'::text as value");
}

std::string SavedRow(const std::string& connection_string) {
  return Query(connection_string, "select value from saved");
}

void KillAndReap(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

/// A process that owns a cluster until it is killed; it runs `started` once the cluster is up.
pid_t ForkOwner(const ClusterConfig& config, const std::function<void(Cluster&)>& started) {
  const pid_t owner = fork();
  if (owner != 0) return owner;
  const Result<std::unique_ptr<Cluster>> cluster = Cluster::Start(config);
  if (!cluster) _exit(1);
  started(**cluster);
  for (;;) pause();
}

TEST(ClusterTest, AnswersQueriesWithDurableSettings) {
  const TempDir temp;
  const ClusterConfig config = DurableConfig(temp / "data");
  const auto cluster = MustStart(config);
  const std::string& where = cluster->connection_string();
  for (const char* setting :
       {"fsync", "synchronous_commit", "full_page_writes", "data_checksums"}) {
    EXPECT_EQ(Query(where, std::string("show ") + setting), "on") << setting;
  }
  EXPECT_EQ(Query(where, "show listen_addresses"), "");
  EXPECT_EQ(Query(where, "show server_encoding"), "UTF8");
  EXPECT_EQ(Query(where, "select current_user || '@' || current_database()"), "djps@djps");
  EXPECT_EQ(Query(where, "select count(*) from pg_file_settings where error is not null"), "0");
}

TEST(ClusterTest, RefusesAWrongPassword) {
  const TempDir temp;
  const auto cluster = MustStart(FastConfig(temp / "data"));
  const std::string answer = Query(cluster->connection_string() + " password=guess", "select 1");
  EXPECT_NE(answer.find("password authentication failed"), std::string::npos) << answer;
}

TEST(ClusterTest, KeepsTheDataFolderPrivate) {
  const TempDir temp;
  const auto cluster = MustStart(FastConfig(temp / "data"));
  EXPECT_EQ(fs::status(temp / "data").permissions(), fs::perms::owner_all);
}

TEST(ClusterTest, RefusesAFolderThatAnotherClusterHolds) {
  const TempDir temp;
  const auto cluster = MustStart(FastConfig(temp / "data"));
  const Error error = MustNotStart(FastConfig(temp / "data"));
  EXPECT_EQ(error.code, ErrorCode::kAlreadyRunning);
  EXPECT_NE(error.message.find("process " + std::to_string(getpid())), std::string::npos)
      << error.message;
  EXPECT_EQ(Query(cluster->connection_string(), "select 1"), "1");
}

TEST(ClusterTest, RestartsWithCommittedRowsAfterThePostmasterWasKilled) {
  const TempDir temp;
  const ClusterConfig config = DurableConfig(temp / "data");
  auto cluster = MustStart(config);
  ASSERT_EQ(SaveRow(cluster->connection_string()), "ok");
  kill(cluster->postmaster_pid(), SIGKILL);
  ASSERT_TRUE(WaitUntil([&] { return !cluster->Running(); }));
  const Result<void> restarted = cluster->Restart();
  ASSERT_TRUE(restarted) << restarted.error().message;
  EXPECT_TRUE(cluster->Running());
  EXPECT_EQ(SavedRow(cluster->connection_string()), "kept");
}

TEST(ClusterTest, StartsWithCommittedRowsAfterThePostmasterWasKilled) {
  const TempDir temp;
  const ClusterConfig config = DurableConfig(temp / "data");
  auto cluster = MustStart(config);
  ASSERT_EQ(SaveRow(cluster->connection_string()), "ok");
  kill(cluster->postmaster_pid(), SIGKILL);
  cluster.reset();
  cluster = MustStart(config);
  EXPECT_EQ(SavedRow(cluster->connection_string()), "kept");
}

TEST(ClusterTest, RestartEndsABackendThatIsStillBusyWithoutItsPostmaster) {
  const TempDir temp;
  const auto cluster = MustStart(DurableConfig(temp / "data"));
  ASSERT_EQ(SaveRow(cluster->connection_string()), "ok");
  const ConnPtr busy = Connect(cluster->connection_string());
  // Never looks whether its postmaster lives, unlike a backend that waits for something.
  ASSERT_EQ(PQsendQuery(busy.get(), "do $$ begin loop end loop; end $$"), 1);
  ASSERT_TRUE(WaitUntil([&] {
    return Query(cluster->connection_string(),
                 "select count(*) from pg_stat_activity where state = 'active' and "
                 "query like 'do %'") == "1";
  }));
  kill(cluster->postmaster_pid(), SIGKILL);
  ASSERT_TRUE(WaitUntil([&] { return !cluster->Running(); }));
  const Result<void> restarted = cluster->Restart();
  ASSERT_TRUE(restarted) << restarted.error().message;
  EXPECT_EQ(SavedRow(cluster->connection_string()), "kept");
}

TEST(ClusterTest, RestartLeavesARunningServerAlone) {
  const TempDir temp;
  const auto cluster = MustStart(FastConfig(temp / "data"));
  const int before = cluster->postmaster_pid();
  ASSERT_TRUE(cluster->Restart());
  EXPECT_EQ(cluster->postmaster_pid(), before);
}

TEST(ClusterTest, TakesOverAfterItsOwnerWasKilled) {
  const TempDir temp;
  const ClusterConfig config = FastConfig(temp / "data");
  const fs::path mark = temp / "saved";
  const pid_t owner = ForkOwner(
      config, [&](Cluster& cluster) { WriteText(mark, SaveRow(cluster.connection_string())); });
  const bool saved = WaitUntil([&] { return ReadText(mark) == "ok"; });
  KillAndReap(owner);
  ASSERT_TRUE(saved);
  const auto cluster = MustStart(config);
  EXPECT_EQ(SavedRow(cluster->connection_string()), "kept");
}

TEST(ClusterTest, ServerStopsByItselfWhenItsOwnerIsKilled) {
  const TempDir temp;
  const fs::path mark = temp / "postmaster";
  const pid_t owner = ForkOwner(FastConfig(temp / "data"), [&](Cluster& cluster) {
    WriteText(mark, std::to_string(cluster.postmaster_pid()) + "\n");
  });
  const bool started = WaitUntil([&] { return ReadText(mark).find('\n') != std::string::npos; });
  KillAndReap(owner);
  ASSERT_TRUE(started);
  // The file goes as the last act of an orderly shutdown.
  EXPECT_TRUE(WaitUntil([&] { return !fs::exists(temp / "data" / "pg" / "postmaster.pid"); }));
}

TEST(ClusterTest, StartsAgainAfterBeingKilledInTheMiddleOfInitdb) {
  const TempDir temp;
  const ClusterConfig config = FastConfig(temp / "data");
  ClusterConfig endless = config;
  endless.binaries.bin_dir = temp.path();
  // The real initdb, but what comes after it is never reached.
  WriteProgram(temp / "initdb",
               "'" + (config.binaries.bin_dir / "initdb").string() + "' \"$@\" && exec sleep 600");
  const pid_t owner = ForkOwner(endless, [](Cluster&) {});
  const bool halfway =
      WaitUntil([&] { return fs::exists(temp / "data" / "pg.new" / "PG_VERSION"); });
  KillAndReap(owner);
  ASSERT_TRUE(halfway);
  ASSERT_FALSE(fs::exists(temp / "data" / "pg"));
  const auto cluster = MustStart(config);
  EXPECT_FALSE(fs::exists(temp / "data" / "pg.new"));
  EXPECT_EQ(Query(cluster->connection_string(), "select 1"), "1");
}

TEST(ClusterTest, RemovesAnUnfinishedClusterBesideAFinishedOne) {
  const TempDir temp;
  const ClusterConfig config = FastConfig(temp / "data");
  MustStart(config).reset();
  fs::create_directories(temp / "data" / "pg.new" / "base");
  const auto cluster = MustStart(config);
  EXPECT_FALSE(fs::exists(temp / "data" / "pg.new"));
}

TEST(ClusterTest, StartsWhenAnotherProcessGotTheIdOfTheDeadPostmaster) {
  const TempDir temp;
  const ClusterConfig config = DurableConfig(temp / "data");
  auto cluster = MustStart(config);
  ASSERT_EQ(SaveRow(cluster->connection_string()), "ok");
  const uid_t server_user = OwnerOf(temp / "data" / "pg");
  kill(cluster->postmaster_pid(), SIGKILL);
  cluster.reset();
  const pid_t stranger = fork();
  if (stranger == 0) {
    // Of the server's user, since PostgreSQL believes only in processes that it may signal.
    if (setuid(server_user) != 0) _exit(1);
    for (;;) pause();
  }
  const fs::path pid_file = temp / "data" / "pg" / "postmaster.pid";
  std::string text = ReadText(pid_file);
  text.replace(0, text.find('\n'), std::to_string(stranger));
  WriteText(pid_file, text);
  WriteText(temp / "data" / ".s.PGSQL.5432.lock", text);
  const Result<std::unique_ptr<Cluster>> again = Cluster::Start(config);
  const bool stranger_lives = kill(stranger, 0) == 0 && waitpid(stranger, nullptr, WNOHANG) == 0;
  KillAndReap(stranger);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(stranger_lives);
  EXPECT_EQ(SavedRow((*again)->connection_string()), "kept");
}

TEST(ClusterTest, RefusesFolderOfAnotherMajorVersion) {
  const TempDir temp;
  const ClusterConfig config = FastConfig(temp / "data");
  MustStart(config).reset();
  WriteText(temp / "data" / "pg" / "PG_VERSION", "9\n");
  const Error error = MustNotStart(config);
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  const std::string made_by = "made by PostgreSQL 9";
  const std::string found = "are PostgreSQL " + std::to_string(config.binaries.major);
  EXPECT_NE(error.message.find(made_by), std::string::npos) << error.message;
  EXPECT_NE(error.message.find(found), std::string::npos) << error.message;
}

TEST(ClusterTest, RefusesAClusterFolderWithoutACluster) {
  const TempDir temp;
  const ClusterConfig config = FastConfig(temp / "data");
  MustStart(config).reset();
  fs::remove_all(temp / "data" / "pg");
  fs::create_directory(temp / "data" / "pg");
  WriteText(temp / "data" / "pg" / "notes.txt", "mine");
  const Error error = MustNotStart(config);
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_NE(error.message.find("not a PostgreSQL cluster"), std::string::npos) << error.message;
  EXPECT_EQ(ReadText(temp / "data" / "pg" / "notes.txt"), "mine");
}

TEST(ClusterTest, RefusesAFolderWithFilesOfSomebodyElseAndLeavesItAsItIs) {
  const TempDir temp;
  WriteText(temp / "letter.txt", "dear");
  const Error error = MustNotStart(FastConfig(temp.path()));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_NE(error.message.find("letter.txt"), std::string::npos) << error.message;
  EXPECT_EQ(OwnerOf(temp.path()), geteuid());
  EXPECT_EQ(static_cast<int>(fs::status(temp.path()).permissions()), 0755);
}

TEST(ClusterTest, EndsItsMessageWithTheLogWhenTheServerDoesNotStart) {
  const TempDir temp;
  const ClusterConfig config = FastConfig(temp / "data");
  MustStart(config).reset();
  WriteText(temp / "data" / "pg" / "postgresql.auto.conf", "work_mem = 'plenty'\n");
  const Error error = MustNotStart(config);
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_NE(error.message.find("postgres.log"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("work_mem"), std::string::npos) << error.message;
}

TEST(ClusterTest, SaysSoAtOnceWhenTheServerRefusesItsPassword) {
  const TempDir temp;
  const ClusterConfig config = FastConfig(temp / "data");
  auto cluster = MustStart(config);
  ASSERT_EQ(Query(cluster->connection_string(), "alter role djps password 'changed'"), "ok");
  cluster.reset();
  const Error error = MustNotStart(config);
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_NE(error.message.find("password authentication failed"), std::string::npos)
      << error.message;
  EXPECT_FALSE(fs::exists(temp / "data" / "pg" / "postmaster.pid")) << "a server was left behind";
}

TEST(ClusterTest, WorksInFoldersWithSpacesQuotesAndOtherOddNames) {
  for (const char* name :
       {"it's a \"data\" folder", "back\\slash", "with, comma", "with\nnewline"}) {
    SCOPED_TRACE(name);
    const TempDir temp;
    const auto cluster = MustStart(FastConfig(temp / name));
    EXPECT_EQ(Query(cluster->connection_string(), "select 1"), "1");
    EXPECT_TRUE(fs::exists(temp / name / "pg" / "PG_VERSION"));
  }
}

TEST(ClusterTest, WorksInAFolderWhosePathIsTooLongForASocket) {
  const TempDir temp;
  const fs::path data_dir = temp / (std::string(60, 'a') + "/" + std::string(60, 'b'));
  const ClusterConfig config = FastConfig(data_dir);
  auto cluster = MustStart(config);
  const std::string where = cluster->connection_string();
  EXPECT_EQ(SaveRow(where), "ok");
  const fs::path socket_dir = Query(where,
                                    "select trim('\"' from current_setting("
                                    "'unix_socket_directories'))");
  EXPECT_EQ(socket_dir.parent_path(), "/tmp");
  EXPECT_EQ(fs::status(socket_dir).permissions(), fs::perms::owner_all);
  cluster.reset();
  EXPECT_FALSE(fs::exists(socket_dir));
  cluster = MustStart(config);
  EXPECT_EQ(cluster->connection_string(), where);
  EXPECT_EQ(SavedRow(where), "kept");
}

TEST(ClusterTest, NeverRunsPostgresAsRoot) {
  const TempDir temp;
  const auto cluster = MustStart(FastConfig(temp / "data"));
  EXPECT_NE(UserOf(cluster->postmaster_pid()), "0");
  EXPECT_EQ(UserOf(cluster->postmaster_pid()), std::to_string(OwnerOf(temp / "data")));
}

TEST(ClusterTest, TakesBackFilesThatGotAnotherOwner) {
  const TempDir temp;
  const ClusterConfig config = FastConfig(temp / "data");
  MustStart(config).reset();
  const uid_t server_user = OwnerOf(temp / "data" / "pg");
  // As a backup restored by root leaves it; without root this changes nothing and proves nothing.
  const uid_t us = geteuid();
  for (const fs::path& path : {temp / "data" / "pg", temp / "data" / "pg" / "PG_VERSION"}) {
    ASSERT_EQ(lchown(path.c_str(), us, static_cast<gid_t>(-1)), 0);
  }
  const auto cluster = MustStart(config);
  EXPECT_EQ(OwnerOf(temp / "data" / "pg" / "PG_VERSION"), server_user);
}

TEST(ClusterTest, NamesTheFolderThatTheServersUserCannotEnter) {
  const TempDir temp;
  const fs::path closed = temp / "closed";
  fs::create_directory(closed);
  fs::permissions(closed, fs::perms::none);
  const Error error = MustNotStart(FastConfig(closed / "data"));
  fs::permissions(closed, fs::perms::owner_all);
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_NE(error.message.find(closed.string()), std::string::npos) << error.message;
  if (geteuid() == 0) {
    EXPECT_NE(error.message.find("cannot enter " + closed.string() + ","), std::string::npos);
    EXPECT_NE(error.message.find("chmod o+x " + closed.string()), std::string::npos);
    EXPECT_NE(error.message.find("--data"), std::string::npos);
  }
}

TEST(ClusterTest, StopEndsTheServerInOrderAndMayBeRepeated) {
  const TempDir temp;
  const ClusterConfig config = FastConfig(temp / "data");
  auto cluster = MustStart(config);
  const ConnPtr open = Connect(cluster->connection_string());
  EXPECT_TRUE(cluster->Stop());
  EXPECT_FALSE(cluster->Running());
  EXPECT_TRUE(cluster->Stop());
  EXPECT_NE(ReadText(temp / "data" / "postgres.log").find("database system is shut down"),
            std::string::npos);
  ASSERT_TRUE(cluster->Restart());
  EXPECT_EQ(Query(cluster->connection_string(), "select 1"), "1");
}

TEST(ClusterTest, StopSaysWhenTheServerHadToBeForced) {
  const TempDir temp;
  ClusterConfig config = FastConfig(temp / "data");
  config.stop_timeout = std::chrono::milliseconds(0);
  const auto cluster = MustStart(config);
  const int postmaster = cluster->postmaster_pid();
  EXPECT_FALSE(cluster->Stop());
  EXPECT_FALSE(cluster->Running());
  EXPECT_EQ(UserOf(postmaster), "no such process");
}

TEST(ClusterTest, KeepsTheServerOutOfTheTerminalsProcessGroup) {
  const TempDir temp;
  const auto cluster = MustStart(FastConfig(temp / "data"));
  EXPECT_EQ(getpgid(cluster->postmaster_pid()), cluster->postmaster_pid());
  EXPECT_NE(getpgid(cluster->postmaster_pid()), getpgrp());
}

TEST(ClusterTest, StartsAFreshLogWhenTheOldOneHasGrownLarge) {
  const TempDir temp;
  const ClusterConfig config = FastConfig(temp / "data");
  MustStart(config).reset();
  fs::resize_file(temp / "data" / "postgres.log", kLargeLogBytes);
  const auto cluster = MustStart(config);
  EXPECT_EQ(fs::file_size(temp / "data" / "postgres.log.1"), kLargeLogBytes);
  EXPECT_LT(fs::file_size(temp / "data" / "postgres.log"), kLargeLogBytes / 10);
}

}  // namespace
}  // namespace djps::embedded
