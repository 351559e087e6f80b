#include "cluster/roster.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"

namespace vmq::cluster {
namespace {

Member member(const std::string& name, std::uint8_t disk = 1, std::uint16_t port = 44053) {
    Member result{name + "@host", {}, {"host." + name, port, false}};
    result.incarnation.bytes[0] = disk;
    return result;
}

std::string words(const Roster& roster) {
    std::string out;
    roster.encode(out);
    return out;
}

std::string names(const Roster& roster) {
    std::string result;
    for (const auto& [name, each] : roster.members()) result += name.substr(0, 1);
    return result;
}

TEST(Roster, ANodeIsAloneUntilItIsAdmitted) {
    Roster a(member("a"));
    Roster b(member("b"));
    EXPECT_TRUE(a.alone());
    EXPECT_TRUE(a.admit(member("b")));
    EXPECT_FALSE(a.alone());
    EXPECT_EQ(b.merge(words(a)), Roster::Merged::Changed);
    EXPECT_EQ(b.merge(words(a)), Roster::Merged::Nothing);
    EXPECT_EQ(names(a), "ab");
    EXPECT_EQ(names(b), "ab");
    EXPECT_EQ(*b.find("a@host"), member("a"));
    EXPECT_EQ(b.find("c@host"), nullptr);
}

TEST(Roster, WhoHasLeftStaysAwayUntilItIsAdmittedAgain) {
    Roster a(member("a"));
    (void)a.admit(member("b"));
    Roster b(member("b"));
    (void)b.merge(words(a));
    const std::string before = words(b);
    EXPECT_TRUE(a.remove("b@host"));
    EXPECT_FALSE(a.remove("b@host"));
    EXPECT_TRUE(a.has_left("b@host"));
    EXPECT_FALSE(a.has_left("c@host"));
    EXPECT_EQ(a.merge(before), Roster::Merged::Nothing);
    EXPECT_EQ(names(a), "a");
    EXPECT_EQ(b.merge(words(a)), Roster::Merged::Changed);
    EXPECT_TRUE(b.removed_self());
    b.begin_alone();
    EXPECT_EQ(names(b), "b");
    EXPECT_FALSE(b.removed_self());
    EXPECT_TRUE(a.admit(member("b", 2)));
    (void)b.merge(words(a));
    EXPECT_EQ(names(b), "ab");
}

TEST(Roster, TheLatestAddressCounts) {
    Roster a(member("a"));
    Roster b(member("b"));
    (void)a.admit(b.self());
    (void)b.merge(words(a));
    b.reassert({"elsewhere", 1, true});
    EXPECT_EQ(a.merge(words(b)), Roster::Merged::Changed);
    EXPECT_EQ(a.find("b@host")->address, (NodeAddress{"elsewhere", 1, true}));
    b.reassert({"elsewhere", 1, true});
    EXPECT_EQ(a.merge(words(b)), Roster::Merged::Nothing);
}

TEST(Roster, ThereIsAMostOfMembersAndOfThoseWhoLeft) {
    Roster a(member("a"));
    for (std::size_t i = 1; i < Roster::kMostMembers; ++i) {
        ASSERT_TRUE(a.admit(member("n" + std::to_string(i))));
    }
    EXPECT_FALSE(a.admit(member("more")));
    EXPECT_TRUE(a.admit(member("n1", 2))) << "one that is a member may come back with a new disk";
    EXPECT_TRUE(a.remove("n1@host"));
    for (std::size_t i = 0; i < Roster::kMostLeft; ++i) {
        ASSERT_TRUE(a.admit(member("x" + std::to_string(i))));
        ASSERT_TRUE(a.remove("x" + std::to_string(i) + "@host"));
    }
    EXPECT_FALSE(a.has_left("n1@host"));
    EXPECT_TRUE(a.has_left("x0@host"));
}

TEST(Roster, BadBytesChangeNothing) {
    Roster a(member("a"));
    (void)a.admit(member("b"));
    const std::string good = words(a);
    Roster c(member("c"));
    const std::string before = words(c);
    for (std::size_t cut = 0; cut < good.size(); ++cut) {
        EXPECT_EQ(c.merge(std::string_view(good).substr(0, cut)), Roster::Merged::Malformed);
    }
    EXPECT_EQ(c.merge(good + "x"), Roster::Merged::Malformed);
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x80);
        Roster d(member("d"));
        (void)d.merge(bad);
        EXPECT_NE(d.find("d@host"), nullptr);
    }
    EXPECT_EQ(words(c), before);
}

TEST(Roster, WhoExchangesWhatHeKnowsAgrees) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Random random{seed};
        std::vector<Roster> nodes;
        for (const char* name : {"a", "b", "c", "d"}) nodes.emplace_back(member(name));
        for (int step = 0; step < 60; ++step) {
            Roster& one = nodes[random.below(4)];
            const std::string other(1, static_cast<char>('a' + random.below(4)));
            switch (random.below(4)) {
                case 0:
                    (void)one.admit(member(other, static_cast<std::uint8_t>(random.below(3))));
                    break;
                case 1:
                    if (other + "@host" != one.self().name) (void)one.remove(other + "@host");
                    break;
                default:
                    (void)one.merge(words(nodes[random.below(4)]));
            }
        }
        for (int round = 0; round < 2; ++round) {
            for (Roster& one : nodes) {
                for (const Roster& other : nodes) (void)one.merge(words(other));
            }
        }
        for (const Roster& each : nodes) ASSERT_EQ(words(each), words(nodes[0]));
    }
}

}  // namespace
}  // namespace vmq::cluster
