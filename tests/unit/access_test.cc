#include "server/access/access.h"

#include <gtest/gtest.h>

#include <set>

#include "core/api_token.h"

namespace djps::server {
namespace {

constexpr Role kTokenRoles[] = {Role::kSubmit, Role::kWork, Role::kRead, Role::kOperate,
                                Role::kAdmin};

TEST(AccessTest, RolesHaveNamesThatAreReadBack) {
  for (const Role role : kTokenRoles) EXPECT_EQ(ParseRole(RoleName(role)), role);
  EXPECT_EQ(RoleName(Role::kNone), "none");
  for (const char* name : {"", "none", "root", "Admin", "admin "}) {
    EXPECT_EQ(ParseRole(name), std::nullopt) << name;
  }
}

TEST(AccessTest, EverybodyMayUseWhatAsksForNoRole) {
  for (const Role role : kTokenRoles) EXPECT_TRUE(MayUse(role, Role::kNone, false));
  EXPECT_TRUE(MayUse(Role::kNone, Role::kNone, false));
}

TEST(AccessTest, NoRoleOpensNothingElse) {
  for (const Role asked : kTokenRoles) EXPECT_FALSE(MayUse(Role::kNone, asked, true));
}

TEST(AccessTest, EachRoleHasItsOwnRoutesAndAdminAll) {
  for (const Role asked : kTokenRoles) {
    EXPECT_TRUE(MayUse(asked, asked, false));
    EXPECT_TRUE(MayUse(Role::kAdmin, asked, false));
    EXPECT_EQ(MayUse(asked, Role::kAdmin, true), asked == Role::kAdmin);
  }
}

TEST(AccessTest, WhoReadsMayLookAtSingleJobsButNotSubmit) {
  EXPECT_TRUE(MayUse(Role::kRead, Role::kSubmit, true));
  EXPECT_FALSE(MayUse(Role::kRead, Role::kSubmit, false));
  EXPECT_FALSE(MayUse(Role::kSubmit, Role::kRead, true));
}

TEST(AccessTest, OperatorsAreNoWorkers) {
  EXPECT_TRUE(MayUse(Role::kOperate, Role::kSubmit, false));
  EXPECT_TRUE(MayUse(Role::kOperate, Role::kRead, true));
  EXPECT_FALSE(MayUse(Role::kOperate, Role::kWork, false));
  EXPECT_FALSE(MayUse(Role::kWork, Role::kSubmit, false));
}

TEST(AccessTest, RestrictsQueuesAndTypes) {
  const Caller anybody;
  EXPECT_FALSE(JobProblem(anybody, "q", "t").has_value());
  const Caller caller{"billing", Role::kSubmit, {"invoices"}, {"send", "remind"}};
  EXPECT_FALSE(JobProblem(caller, "invoices", "remind").has_value());
  const auto queue = JobProblem(caller, "mail", "send");
  ASSERT_TRUE(queue.has_value());
  EXPECT_EQ(queue->kind, ProblemKind::kForbidden);
  EXPECT_EQ(queue->detail,
            "The token \"billing\" may not use the queue \"mail\"; it is restricted to invoices.");
  EXPECT_TRUE(JobProblem(caller, "invoices", "drop").has_value());
}

TEST(ApiTokenTest, IsLongRandomTextThatFitsAHeader) {
  RandomSource random;
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) {
    const std::string token = NewApiToken(random);
    EXPECT_EQ(token.size(), 5U + 43U);
    EXPECT_TRUE(token.starts_with("djps_"));
    EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_"),
              std::string::npos);
    tokens.insert(token);
  }
  EXPECT_EQ(tokens.size(), 100U);
}

// FIPS 180-2, appendix B.1.
TEST(ApiTokenTest, IsKeptAsItsSha256) {
  EXPECT_EQ(HashApiToken("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Base64("abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

}  // namespace
}  // namespace djps::server
