// Encoding parameters for Postgres and reading its rows.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

#include "core/ids.h"
#include "pg/params.h"
#include "pg/result.h"

namespace djps::pg {
namespace {

constexpr Timestamp kNow{std::chrono::microseconds(1'800'000'000'000'000)};

std::vector<Uuid> MakeIds(std::int64_t count) {
  IdGenerator generator;
  std::vector<Uuid> ids;
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(generator.NextJobId(kNow));
  return ids;
}

void GenerateJobId(benchmark::State& state) {
  IdGenerator generator;
  for (auto _ : state) benchmark::DoNotOptimize(generator.NextJobId(kNow));
}
BENCHMARK(GenerateJobId);

void EncodeBatch(benchmark::State& state) {
  const std::vector<Uuid> ids = MakeIds(state.range(0));
  const std::string payload = R"({"to":"someone@example.com","subject":"hello"})";
  for (auto _ : state) {
    Params params;
    params.AddArray(ids, [](const Uuid& id) { return id; })
        .AddArray(ids, [](const Uuid&) { return std::string_view("email"); })
        .AddArray(ids, [](const Uuid&) { return kNow; })
        .AddArray(ids, [&payload](const Uuid&) { return Json{payload}; });
    benchmark::DoNotOptimize(params.Values());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(EncodeBatch)->Arg(1)->Arg(100)->Arg(1'000);

/// The columns of MakeResult's rows.
enum Position : std::uint8_t { kId, kType, kCreatedAt };

/// A result as libpq makes it of an answer, without a server.
ResultHandle MakeResult(const std::vector<Uuid>& ids) {
  std::array names = {std::string("id"), std::string("type"), std::string("created_at")};
  std::array<PGresAttDesc, 3> columns{};
  constexpr std::array kTypes = {Type::kUuid, Type::kText, Type::kTimestamptz};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i].name = names[i].data();
    columns[i].typid = static_cast<Oid>(kTypes[i]);
    columns[i].format = 1;
  }
  ResultHandle result(PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK));
  PQsetResultAttrs(result.get(), static_cast<int>(columns.size()), columns.data());
  int row = 0;
  for (const Uuid& id : ids) {
    std::array<std::string, 3> values;
    Wire<Uuid>::Encode(values[0], id);
    values[1] = "email";
    Wire<Timestamp>::Encode(values[2], kNow);
    for (std::size_t i = 0; i < values.size(); ++i) {
      PQsetvalue(result.get(), row, static_cast<int>(i), values[i].data(),
                 static_cast<int>(values[i].size()));
    }
    ++row;
  }
  return result;
}

void ReadRows(benchmark::State& state) {
  const Rows rows(MakeResult(MakeIds(state.range(0))));
  if (rows.size() != state.range(0)) state.SkipWithError("rows are missing");
  const ColumnAt<Uuid> id(kId);
  const ColumnAt<std::string> type(kType);
  const ColumnAt<Timestamp> created_at(kCreatedAt);
  for (auto _ : state) {
    for (const Row row : rows) {
      benchmark::DoNotOptimize(row.Get(id));
      benchmark::DoNotOptimize(row.Get(type));
      benchmark::DoNotOptimize(row.Get(created_at));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ReadRows)->Arg(100);

}  // namespace
}  // namespace djps::pg
