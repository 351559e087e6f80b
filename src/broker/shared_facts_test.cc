#include "broker/shared_facts.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace vmq::broker {
namespace {

using cluster::FactKind;
using cluster::FactMap;
using cluster::Moment;

constexpr cluster::WallMillis kWall = 1'700'000'000'000;
const Moment kSetAt{TimePoint{Millis{1000}}, kWall};

class SharedFactsTest : public ::testing::Test {
protected:
    /// "setting k=v", "api_key k gone".
    std::vector<std::string> told() {
        for (const auto& change : facts_.take_changes()) shared_.on_change(facts_, change, kWall);
        shared_.tell_news();
        return std::exchange(told_, {});
    }
    void put(FactKind kind, const std::string& key, std::optional<std::string_view> value) {
        ASSERT_TRUE(shared_.put(facts_, in_use_, kind, key, value, kSetAt));
    }
    std::string in_facts(FactKind kind, const std::string& key) {
        const auto* fact = facts_.find(kind, key);
        return fact == nullptr ? "none" : std::string(fact->value());
    }

    using Told = std::vector<std::string>;
    FactMap facts_{{"own@h", {}}};
    bool in_use_ = false;
    Told told_;
    SharedFacts shared_{[this](std::vector<SharedFact> changes) {
        for (const SharedFact& each : changes) {
            told_.push_back(std::string(word_of(each.kind)) + " " + each.key +
                            (each.value ? "=" + *each.value : " gone"));
        }
    }};
};

TEST_F(SharedFactsTest, AloneThereAreNoFactsAndYetItHolds) {
    put(FactKind::Setting, "k", "1");
    put(FactKind::Setting, "k", "2");
    EXPECT_EQ(told(), (Told{"setting k=1", "setting k=2"}));
    put(FactKind::Setting, "k", std::nullopt);
    put(FactKind::Setting, "k", std::nullopt);
    EXPECT_EQ(told(), Told{"setting k gone"});
    EXPECT_EQ(facts_.size(), 0U);
}

TEST_F(SharedFactsTest, InAClusterItIsTheFactsThatCount) {
    in_use_ = true;
    put(FactKind::Setting, "k", "1");
    EXPECT_EQ(in_facts(FactKind::Setting, "k"), "1");
    EXPECT_EQ(told(), Told{"setting k=1"});
    put(FactKind::Setting, "k", std::nullopt);
    EXPECT_EQ(told(), Told{"setting k gone"});
    const auto a = *facts_.writers().intern("a@h", {});
    (void)facts_.merge(
        {FactKind::ApiKey, "id", {cluster::HybridTime::at(kWall + 1), a}, false, "hash", nullptr},
        {}, kSetAt);
    (void)facts_.merge(
        {FactKind::SessionOwner, "x", {cluster::HybridTime::at(kWall + 2), a}, false, "y", nullptr},
        {}, kSetAt);
    EXPECT_EQ(told(), Told{"api_key id=hash"}) << "and of nothing else";
}

TEST_F(SharedFactsTest, AFactThatIsTooLongIsRefused) {
    in_use_ = true;
    const std::string key(facts_.limits().longest_key + 1, 'k');
    EXPECT_FALSE(shared_.put(facts_, in_use_, FactKind::Setting, key, "1", kSetAt));
    EXPECT_EQ(told(), Told{});
}

TEST_F(SharedFactsTest, WhoGetsCompanyTellsWhatItHas) {
    put(FactKind::Setting, "k", "1");
    put(FactKind::ApiKey, "id", "hash");
    (void)told();
    shared_.enter(facts_, true, kSetAt);
    EXPECT_EQ(in_facts(FactKind::Setting, "k"), "1");
    EXPECT_EQ(in_facts(FactKind::ApiKey, "id"), "hash");
    EXPECT_GE(facts_.find(FactKind::Setting, "k")->time().wall_ms(), kWall);
}

TEST_F(SharedFactsTest, WhoJoinsBringsItsKeysAndTakesTheClustersSettings) {
    put(FactKind::Setting, "k", "1");
    put(FactKind::ApiKey, "id", "hash");
    (void)told();
    shared_.enter(facts_, false, kSetAt);
    EXPECT_EQ(in_facts(FactKind::Setting, "k"), "none");
    EXPECT_EQ(in_facts(FactKind::ApiKey, "id"), "hash");
    EXPECT_LT(facts_.find(FactKind::ApiKey, "id")->time().wall_ms(), kWall)
        << "what the cluster has counts";
    EXPECT_EQ(told(), Told{"api_key id=hash"});
    shared_.on_joined(kWall);
    EXPECT_EQ(told(), Told{"setting k gone"});
}

TEST_F(SharedFactsTest, WhoIsNotLetInGoesOnAsItWas) {
    put(FactKind::Setting, "k", "1");
    put(FactKind::ApiKey, "id", "hash");
    (void)told();
    shared_.enter(facts_, false, kSetAt);
    shared_.leave(facts_);
    FactMap next{{"own@h", {}}};
    shared_.enter(next, true, kSetAt);
    EXPECT_NE(next.find(FactKind::Setting, "k"), nullptr);
    EXPECT_NE(next.find(FactKind::ApiKey, "id"), nullptr);
}

TEST_F(SharedFactsTest, WhoLeavesKeepsWhatHoldsAndTellsItTheNext) {
    in_use_ = true;
    put(FactKind::Setting, "k", "1");
    put(FactKind::Setting, "l", "1");
    put(FactKind::Setting, "l", std::nullopt);
    (void)told();
    shared_.leave(facts_);
    EXPECT_EQ(told(), Told{}) << "it goes on with it";
    FactMap next{{"own@h", {}}};
    shared_.enter(next, true, kSetAt);
    EXPECT_NE(next.find(FactKind::Setting, "k"), nullptr);
    EXPECT_EQ(next.find(FactKind::Setting, "l"), nullptr);
}

TEST_F(SharedFactsTest, AtTheStartEverythingIsToldEvenIfItIsNothing) {
    int calls = 0;
    SharedFacts shared([&](const std::vector<SharedFact>& changes) {
        ++calls;
        EXPECT_EQ(changes.size(), calls == 1 ? 0U : 2U);
    });
    shared.tell_all(facts_);
    ASSERT_TRUE(facts_.put(FactKind::Setting, "k", "1", kSetAt));
    ASSERT_TRUE(facts_.put(FactKind::ApiKey, "id", "hash", kSetAt));
    shared.tell_all(facts_);
    EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace vmq::broker
