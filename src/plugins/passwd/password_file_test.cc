#include "plugins/passwd/password_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/core.h>

#include <map>
#include <string>

#include "base/random.h"
#include "plugins/passwd/test_values.h"

namespace vmq::plugins::passwd {
namespace {

using test::hash;
using test::line;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

transport::FileText text(std::string bytes) { return {std::move(bytes), 0}; }

std::vector<std::string> faults_of(const PasswordFile& file) {
    std::vector<std::string> all;
    for (const auto& fault : file.faults())
        all.push_back(fmt::format("{}: {}", fault.line, fault.reason));
    return all;
}

TEST(PasswordFile, FindsEveryUserAndNobodyElse) {
    const PasswordFile file(text(line("zoe", 'A') + line("adam", 'B') + line("bob", 'C')));
    EXPECT_EQ(file.size(), 3U);
    EXPECT_EQ(file.find("zoe"), hash('A'));
    EXPECT_EQ(file.find("adam"), hash('B'));
    EXPECT_EQ(file.find("bob"), hash('C'));
    for (const char* nobody : {"", "a", "bo", "bobb", "Bob", "zz"}) {
        EXPECT_EQ(file.find(nobody), std::nullopt) << nobody;
    }
    EXPECT_THAT(file.faults(), IsEmpty());
}

TEST(PasswordFile, AnEmptyOneHasNobody) {
    EXPECT_EQ(PasswordFile().size(), 0U);
    EXPECT_EQ(PasswordFile().find(""), std::nullopt);
    EXPECT_EQ(PasswordFile(text("\n# nobody\n")).fault_count(), 0U);
}

TEST(PasswordFile, ForgivesWindowsLinesBlanksAndComments) {
    const PasswordFile file(text("\xEF\xBB\xBF" + ("bob:" + hash('A')) +
                                 " \t\r\n\r\n  \r\n#x:" + hash('B') + "\r\nzoe:" + hash('C')));
    EXPECT_EQ(file.find("bob"), hash('A'));
    EXPECT_EQ(file.find("zoe"), hash('C'));
    EXPECT_EQ(file.size(), 2U);
    EXPECT_EQ(file.fault_count(), 0U);
}

TEST(PasswordFile, SkipsFaultyLinesAndSaysWhichAndWhy) {
    const PasswordFile file(text("nobody\n" + line("bob", 'A') + "plain:secret\nold:$1$a$b\n:" +
                                 hash('A') + "\ncut:$6$AAAA$AA\ncostly:$2b$20$x\n"));
    EXPECT_EQ(file.size(), 1U);
    EXPECT_THAT(faults_of(file),
                ElementsAre("1: there is no ':' between user name and hash",
                            "3: what follows the user name is not a hash",
                            "4: what follows the user name is not a hash of any scheme",
                            "5: the user name is empty",
                            "6: the hash is damaged: its last part is neither 88 characters of "
                            "base64 nor 86 of sha512crypt",
                            "7: the hash costs too much to check: more than 14"));
    EXPECT_EQ(file.fault_count(), 6U);
}

TEST(PasswordFile, TheLastGoodLineOfAUserCounts) {
    const PasswordFile file(text(line("bob", 'A') + line("zoe", 'A') + line("bob", 'B') +
                                 line("bob", 'C') + "bob:$6$damaged\n"));
    EXPECT_EQ(file.find("bob"), hash('C'));
    EXPECT_EQ(file.size(), 2U);
    EXPECT_THAT(faults_of(file), ElementsAre("1: a later line replaces this one",
                                             "3: a later line replaces this one",
                                             ::testing::StartsWith("5: the hash is damaged")));
}

TEST(PasswordFile, KeepsSoManyFaultsAndCountsTheRest) {
    std::string bytes;
    for (std::size_t i = 0; i < PasswordFile::kMaxFaultsKept; ++i) bytes += "x\n";
    const PasswordFile at_limit(text(bytes));
    EXPECT_EQ(at_limit.faults().size(), PasswordFile::kMaxFaultsKept);
    EXPECT_EQ(at_limit.fault_count(), PasswordFile::kMaxFaultsKept);
    const PasswordFile beyond(text(bytes + "x\n" + line("bob", 'A') + line("bob", 'A')));
    EXPECT_EQ(beyond.faults().size(), PasswordFile::kMaxFaultsKept);
    EXPECT_EQ(beyond.faults().back().line, PasswordFile::kMaxFaultsKept);
    EXPECT_EQ(beyond.fault_count(), PasswordFile::kMaxFaultsKept + 2);
}

TEST(PasswordChanges, NamesWhoCameWentAndHasAnotherHash) {
    const PasswordFile before(
        text(line("bob", 'A') + line("eve", 'A') + line("kim", 'A') + line("zoe", 'A')));
    const PasswordFile after(
        text(line("zoe", 'A') + line("kim", 'B') + line("adam", 'A') + line("liz", 'A')));
    const auto changes = PasswordChanges::between(before, after);
    EXPECT_THAT(changes.added, ElementsAre("adam", "liz"));
    EXPECT_THAT(changes.removed, ElementsAre("bob", "eve"));
    EXPECT_THAT(changes.changed, ElementsAre("kim"));
    EXPECT_FALSE(changes.empty());
    EXPECT_TRUE(PasswordChanges::between(before, before).empty());
    EXPECT_EQ(PasswordChanges::between(PasswordFile(), after).added.size(), 4U);
    EXPECT_EQ(PasswordChanges::between(after, PasswordFile()).removed.size(), 4U);
}

TEST(PasswordFile, AgreesWithANaiveModel) {
    const auto make = [](Random& random, std::map<std::string, std::string>& model) {
        std::string bytes;
        for (std::uint32_t i = random.below(60); i > 0; --i) {
            const std::string user = fmt::format("u{}", random.below(40));
            if (random.below(5) == 0) {
                bytes += user + ":broken\n";
                continue;
            }
            const char which = static_cast<char>('A' + random.below(4));
            bytes += line(user, which);
            model[user] = hash(which);
        }
        return bytes;
    };
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        std::map<std::string, std::string> old_model;
        std::map<std::string, std::string> new_model;
        const PasswordFile before(text(make(random, old_model)));
        const PasswordFile after(text(make(random, new_model)));
        ASSERT_EQ(after.size(), new_model.size());
        PasswordChanges expected;
        for (const auto& [user, wanted] : new_model) {
            ASSERT_EQ(after.find(user), wanted);
            const auto old = old_model.find(user);
            if (old == old_model.end())
                expected.added.push_back(user);
            else if (old->second != wanted)
                expected.changed.push_back(user);
        }
        for (const auto& [user, unused] : old_model) {
            if (!new_model.contains(user)) expected.removed.push_back(user);
        }
        const auto changes = PasswordChanges::between(before, after);
        ASSERT_EQ(changes.added, expected.added);
        ASSERT_EQ(changes.removed, expected.removed);
        ASSERT_EQ(changes.changed, expected.changed);
    }
}

}  // namespace
}  // namespace vmq::plugins::passwd
