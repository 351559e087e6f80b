// Random operations on a FactMap next to two plain maps.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cluster/fact_map.h"
#include "cluster/test_values.h"

namespace vmq::cluster {
namespace {

using test::kWall;

class FactMapModel final {
public:
    explicit FactMapModel(std::uint64_t seed) : random_(seed), map_({"m@h", {}}) {
        for (const char* name : {"a@h", "z@h"})
            writers_.push_back(*map_.writers().intern(name, {}));
        writers_.push_back(map_.self());
    }

    void step() {
        now_ += random_.below(3);
        switch (random_.below(12)) {
            case 0:
            case 1:
                return put();
            case 2:
                return erase();
            case 3:
                return promise();
            case 4:
                return drop();
            case 5:
                return grow();
            default:
                return hear();
        }
    }

    void check() {
        ASSERT_EQ(map_.size(), facts_.size());
        std::size_t deleted = 0;
        std::map<std::pair<WriterNumber, HybridTime>, Key> by_stamp;
        for (const auto& [key, fact] : facts_) {
            const Fact* found = map_.find_even_deleted(key.first, key.second);
            ASSERT_NE(found, nullptr) << key.second;
            ASSERT_EQ(found->stamp(), fact.stamp);
            ASSERT_EQ(found->deleted(), fact.deleted);
            ASSERT_EQ(found->value(), fact.value);
            ASSERT_EQ(map_.find(fact.stamp), found);
            ASSERT_EQ(map_.find(key.first, key.second), fact.deleted ? nullptr : found);
            if (fact.deleted) ++deleted;
            by_stamp[{fact.stamp.writer, fact.stamp.time}] = key;
        }
        ASSERT_EQ(map_.deleted(), deleted);
        check_order(by_stamp);
        check_missing(by_stamp);
    }

private:
    using Key = std::pair<FactKind, std::string>;
    struct Known {
        Stamp stamp;
        bool deleted = false;
        std::string value;
    };

    Key random_key() {
        return {static_cast<FactKind>(3 + random_.below(3)),
                "k" + std::to_string(random_.below(30))};
    }
    [[nodiscard]] Moment now() const { return {TimePoint{Millis{now_}}, kWall + now_}; }
    std::string random_value() { return std::string(random_.below(20), 'v'); }

    /// What the map did with a write of its own.
    void take_own(const Key& key, bool deleted, const std::string& value) {
        const Fact* fact = map_.find_even_deleted(key.first, key.second);
        ASSERT_NE(fact, nullptr);
        ASSERT_EQ(fact->writer(), map_.self());
        for (const auto& [other, known] : facts_) {
            if (known.stamp.writer != map_.self()) continue;
            ASSERT_LT(known.stamp.time, fact->time());
        }
        const auto old = facts_.find(key);
        if (old != facts_.end()) {
            ASSERT_LT(old->second.stamp.time, fact->time());
        }
        ASSERT_GT(fact->time(), map_.dropped().highest());
        facts_[key] = {fact->stamp(), deleted, value};
        given_.insert({{fact->writer(), fact->time()}, key});
    }
    void put() {
        const Key key = random_key();
        const std::string value = random_value();
        ASSERT_TRUE(map_.put(key.first, key.second, value, now()));
        take_own(key, false, value);
    }
    void erase() {
        const Key key = random_key();
        const auto known = facts_.find(key);
        const bool there = known != facts_.end() && !known->second.deleted;
        if (random_.below(2) == 0) {
            ASSERT_TRUE(map_.erase_everywhere(key.first, key.second, now()));
            return take_own(key, true, {});
        }
        ASSERT_EQ(map_.erase(key.first, key.second, now()), there);
        if (there) take_own(key, true, {});
    }

    void hear() {
        const Key key = random_key();
        const Stamp stamp{HybridTime{HybridTime::at(kWall + now_ - 20 + random_.below(30)).value +
                                     random_.below(2)},
                          writers_[random_.below(2)]};
        // A stamp names one fact for ever.
        const auto [given, added] = given_.insert({{stamp.writer, stamp.time}, key});
        if (!added) return;
        const bool deleted = random_.below(3) == 0;
        const std::string value = deleted ? "" : random_value();
        const auto outcome =
            map_.merge({key.first, key.second, stamp, deleted, value, nullptr}, {}, now());
        const auto known = facts_.find(key);
        if (known == facts_.end() && stamp.time <= complete_[stamp.writer]) {
            ASSERT_EQ(outcome, FactMap::Outcome::Dead);
        } else if (known != facts_.end() && order(stamp) < order(known->second.stamp)) {
            ASSERT_EQ(outcome, FactMap::Outcome::Older);
        } else {
            ASSERT_EQ(outcome, FactMap::Outcome::Won);
            facts_[key] = {stamp, deleted, value};
        }
    }
    std::tuple<HybridTime, std::string> order(const Stamp& stamp) {
        return {stamp.time, map_.writers()[stamp.writer].name};
    }

    void promise() {
        const WriterNumber writer = writers_[random_.below(2)];
        Positions promised;
        promised.set(writer, HybridTime::at(kWall + now_ - random_.below(20)));
        map_.raise_complete(promised);
        complete_.raise(promised);
    }
    void drop() {
        Positions acknowledged;
        for (const WriterNumber writer : writers_) {
            acknowledged.set(writer, HybridTime::at(kWall + now_ - random_.below(30)));
        }
        map_.drop_deleted(acknowledged, {}, now(), 1000);
        std::erase_if(facts_, [&](const auto& each) {
            const Known& known = each.second;
            const WriterNumber writer = known.stamp.writer;
            const HybridTime promised =
                writer == map_.self() ? map_.complete()[writer] : complete_[writer];
            return known.deleted && known.stamp.time <= acknowledged[writer] &&
                   known.stamp.time <= promised;
        });
    }
    /// The table of a kind grows several times, and everything goes again.
    void grow() {
        if (random_.below(20) != 0) return;
        for (int i = 0; i < 3000; ++i) {
            ASSERT_TRUE(map_.put(FactKind{9}, std::to_string(i), "v", now()));
            facts_[{FactKind{9}, std::to_string(i)}] = {
                map_.find(FactKind{9}, std::to_string(i))->stamp(), false, "v"};
        }
        check();
        for (int i = 0; i < 3000; ++i) {
            ASSERT_TRUE(map_.erase(FactKind{9}, std::to_string(i), now()));
            facts_.erase({FactKind{9}, std::to_string(i)});
        }
        Positions acknowledged;
        acknowledged.set(map_.self(), kLatestTime);
        map_.drop_deleted(acknowledged, {}, now(), 100'000);
        std::erase_if(facts_, [&](const auto& each) {
            return each.second.deleted && each.second.stamp.writer == map_.self();
        });
    }

    using ByStamp = std::map<std::pair<WriterNumber, HybridTime>, Key>;
    void check_order(const ByStamp& by_stamp) {
        for (const WriterNumber writer : writers_) {
            const HybridTime after = HybridTime::at(kWall + now_ - random_.below(30));
            std::vector<Key> expected;
            HybridTime last;
            for (const auto& [stamp, key] : by_stamp) {
                if (stamp.first != writer) continue;
                last = stamp.second;
                if (stamp.second > after) expected.push_back(key);
            }
            std::vector<Key> walked;
            map_.walk(writer, after, kLatestTime, [&](const Fact& fact) {
                walked.emplace_back(fact.kind(), std::string(fact.key()));
                return true;
            });
            ASSERT_EQ(walked, expected);
            ASSERT_EQ(map_.last_of(writer), last);
        }
    }
    void check_missing(const ByStamp& by_stamp) {
        Positions from;
        const HybridTime after = HybridTime::at(kWall + now_ - random_.below(30));
        for (const WriterNumber writer : writers_) from.set(writer, after);
        std::size_t expected = 0;
        for (const auto& each : by_stamp) expected += each.first.second > after ? 1 : 0;
        std::size_t got = 0;
        for (;;) {
            const auto facts = map_.missing_for(from, 1 + random_.below(300));
            if (facts.empty()) break;
            got += facts.size();
        }
        ASSERT_EQ(got, expected);
    }

    Random random_;
    FactMap map_;
    std::vector<WriterNumber> writers_;
    std::map<Key, Known> facts_;
    Positions complete_;
    ByStamp given_;
    std::int64_t now_ = 1000;
};

TEST(FactMapModel, AgreesWithPlainMaps) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        FactMapModel model(seed);
        for (int i = 0; i < 600; ++i) {
            model.step();
            if (i % 5 == 0) model.check();
            if (::testing::Test::HasFatalFailure()) return;
        }
    }
}

}  // namespace
}  // namespace vmq::cluster
