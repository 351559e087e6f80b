#include "routing/retained_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "base/random.h"
#include "mqtt/topic.h"
#include "routing/random_topics.h"
#include "routing/topic_order.h"

namespace vmq::routing {
namespace {

using Stored = RetainedIndex::Stored;
using Texts = std::vector<std::string>;

constexpr TimePoint kNow{Millis{1000}};

mqtt::MessagePtr message(std::string_view topic, TimePoint expires_at = kNever,
                         std::string_view mountpoint = "", std::string_view payload = "x") {
    return mqtt::Message::make({.mountpoint = mountpoint,
                                .topic = topic,
                                .payload = payload,
                                .properties = {},
                                .retain = true,
                                .expires_at = expires_at});
}

Texts topics(const RetainedIndex& index, std::string_view filter, std::string_view mountpoint = "",
             std::size_t limit = 1000) {
    RetainedIndex::Cursor cursor;
    std::vector<mqtt::MessagePtr> out;
    while (!cursor.done) index.match(0, mountpoint, filter, kNow, limit, cursor, out);
    Texts result;
    for (const mqtt::MessagePtr& each : out) result.emplace_back(each->topic());
    return result;
}

TEST(RetainedIndex, SetReplacesByTopicAndCountsBytes) {  // [v5 MQTT-3.3.1-5]
    RetainedIndex index(1, 0);
    const auto first = message("a", kNever, "", "first");
    const auto second = message("a", kNever, "", "second one");
    EXPECT_EQ(index.set(first), Stored::New);
    EXPECT_EQ(index.bytes(), first->footprint());
    EXPECT_EQ(index.set(second), Stored::Replaced);
    EXPECT_EQ(index.size(), 1U);
    EXPECT_EQ(index.bytes(), second->footprint());
    EXPECT_TRUE(index.erase("", "a"));  // [v5 MQTT-3.3.1-6]
    EXPECT_FALSE(index.erase("", "a"));
    EXPECT_EQ(index.size(), 0U);
    EXPECT_EQ(index.bytes(), 0U);
}

TEST(RetainedIndex, AtTheLimitOnlyKnownTopicsAreTaken) {
    RetainedIndex index(1, 2);
    EXPECT_EQ(index.set(message("a")), Stored::New);
    EXPECT_EQ(index.set(message("b")), Stored::New);
    EXPECT_EQ(index.set(message("c")), Stored::LimitReached);
    EXPECT_EQ(index.set(message("c", kNever, "m")), Stored::LimitReached);
    EXPECT_EQ(index.set(message("a")), Stored::Replaced);
    index.erase("", "a");
    EXPECT_EQ(index.set(message("c")), Stored::New);
}

TEST(RetainedIndex, AListHasEveryTopicOfItsMountpointInPortions) {
    RetainedIndex index(1, 0);
    for (const char* topic : {"a", "$SYS/x", "b/c", "/"}) index.set(message(topic));
    index.set(message("gone", kNow));
    index.set(message("other", kNever, "m"));
    RetainedIndex::Cursor cursor;
    Texts listed;
    while (!cursor.done) {
        std::vector<mqtt::MessagePtr> out;
        index.list(0, "", kNow, 2, cursor, out);
        EXPECT_LE(out.size(), 2U);
        for (const mqtt::MessagePtr& each : out) listed.emplace_back(each->topic());
    }
    EXPECT_EQ(listed, (Texts{"/", "$SYS/x", "a", "b/c"}));
    RetainedIndex::Cursor nothing;
    std::vector<mqtt::MessagePtr> out;
    index.list(0, "x", kNow, 2, nothing, out);
    EXPECT_TRUE(nothing.done);
    EXPECT_TRUE(out.empty());
}

TEST(RetainedIndex, NamesItsMountpointsInPortions) {
    RetainedIndex index(1, 0);
    for (const char* mountpoint : {"m", "", "n"}) index.set(message("a", kNever, mountpoint));
    EXPECT_EQ(index.mountpoints(0, 2, nullptr), (Texts{"", "m"}));
    const std::string after = "m";
    EXPECT_EQ(index.mountpoints(0, 2, &after), (Texts{"n"}));
}

TEST(RetainedIndex, WildcardsAtTheFirstLevelLeaveDollarTopicsOut) {  // [v5 MQTT-4.7.2-1]
    RetainedIndex index(1, 0);
    for (const std::string_view topic : {"!", "$SYS/a", "$a", "a", "/a"}) index.set(message(topic));
    EXPECT_EQ(topics(index, "#"), (Texts{"/a", "!", "a"}));
    EXPECT_EQ(topics(index, "+/a"), Texts{"/a"});
    EXPECT_EQ(topics(index, "$SYS/#"), Texts{"$SYS/a"});
}

TEST(RetainedIndex, HashMatchesTheParentLevel) {  // [v5 4.7.1.2]
    RetainedIndex index(1, 0);
    for (const std::string_view topic : {"a", "a/b", "a/b/c", "a!", "b"}) index.set(message(topic));
    EXPECT_EQ(topics(index, "a/#"), (Texts{"a", "a/b", "a/b/c"}));
    EXPECT_EQ(topics(index, "a/+"), Texts{"a/b"});
    EXPECT_EQ(topics(index, "a"), Texts{"a"});
    EXPECT_EQ(topics(index, "a/x"), Texts{});
}

TEST(RetainedIndex, MountpointsDoNotSeeEachOther) {
    RetainedIndex index(1, 0);
    index.set(message("a", kNever, "one"));
    EXPECT_EQ(topics(index, "#"), Texts{});
    EXPECT_EQ(topics(index, "#", "one"), Texts{"a"});
    EXPECT_FALSE(index.erase("", "a"));
}

TEST(RetainedIndex, ExpiredMessagesAreNotDeliveredAndGoWithTheSweep) {
    RetainedIndex index(1, 0);
    index.set(message("a", kNow));
    index.set(message("b", kNow + Millis{1}));
    index.set(message("c", kNow - Millis{1}));
    index.set(message("d"));
    EXPECT_EQ(topics(index, "#"), (Texts{"b", "d"}));
    EXPECT_EQ(index.sweep(kNow, 1), 1U);
    EXPECT_EQ(index.size(), 3U);
    EXPECT_EQ(index.sweep(kNow, 100), 1U);
    EXPECT_EQ(index.sweep(kNow, 100), 0U);
    EXPECT_EQ(index.size(), 2U);
    index.set(message("b"));  // replaced by one that stays
    EXPECT_EQ(index.sweep(kNow + Millis{10}, 100), 0U);
}

TEST(RetainedIndex, ACallIsBoundedAndALaterOneGoesOn) {
    RetainedIndex index(1, 0);
    for (int i = 0; i < 20'000; ++i) index.set(message("d/" + std::to_string(i) + "/x"));
    index.set(message("d/zzz/y"));
    RetainedIndex::Cursor cursor;
    std::vector<mqtt::MessagePtr> out;
    int calls = 0;
    for (; !cursor.done; ++calls) index.match(0, "", "d/+/y", kNow, 10, cursor, out);
    EXPECT_GT(calls, 3);
    ASSERT_EQ(out.size(), 1U);
    EXPECT_EQ(out[0]->topic(), "d/zzz/y");
    EXPECT_EQ(topics(index, "d/#", "", 7).size(), 20'001U);
}

TEST(RetainedIndex, AgreesWithANaiveModelWhileALookUpIsUnderWay) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const auto pick = [&](std::uint32_t bound) { return random.below(bound); };
    RetainedIndex index(1, 0);
    std::map<std::string, TimePoint> model;
    for (int round = 0; round < 400; ++round) {
        const std::string filter = random_filter(pick);
        std::set<std::string> steady;  // there during the whole look-up
        std::set<std::string> ever = steady;
        const auto note = [&](const std::string& topic, TimePoint expires_at) {
            if (expires_at > kNow && mqtt::filter_matches(filter, topic)) ever.insert(topic);
        };
        for (const auto& [topic, expires_at] : model) note(topic, expires_at);
        steady = ever;
        RetainedIndex::Cursor cursor;
        std::vector<mqtt::MessagePtr> out;
        for (;;) {
            index.match(0, "", filter, kNow, 1 + pick(4), cursor, out);
            if (cursor.done) break;
            for (std::uint32_t changes = pick(5); changes > 0; --changes) {
                const std::string topic = random_topic(pick);
                if (pick(3) == 0) {
                    ASSERT_EQ(index.erase("", topic), model.erase(topic) == 1);
                    steady.erase(topic);
                } else {
                    const TimePoint expires_at = pick(4) == 0 ? kNow - Millis{pick(3)} : kNever;
                    index.set(message(topic, expires_at));
                    model[topic] = expires_at;
                    note(topic, expires_at);
                    if (expires_at <= kNow) steady.erase(topic);
                }
            }
        }
        std::set<std::string> delivered;
        for (const mqtt::MessagePtr& each : out) {
            ASSERT_TRUE(delivered.emplace(each->topic()).second) << filter << ' ' << each->topic();
            ASSERT_TRUE(ever.contains(std::string(each->topic())))
                << filter << ' ' << each->topic();
        }
        for (const std::string& topic : steady) ASSERT_TRUE(delivered.contains(topic)) << filter;
        for (int i = 0; i < 20; ++i) {
            const std::string topic = random_topic(pick);
            index.set(message(topic));
            model[topic] = kNever;
        }
        if (pick(4) == 0) {
            const auto expired =
                std::erase_if(model, [](const auto& e) { return e.second <= kNow; });
            ASSERT_EQ(index.sweep(kNow, 100'000), expired);
        }
        if (pick(8) == 0) {
            for (const auto& [topic, expires_at] : model) ASSERT_TRUE(index.erase("", topic));
            model.clear();
            ASSERT_EQ(index.bytes(), 0U);
        }
        ASSERT_EQ(index.size(), model.size());
    }
}

TEST(RetainedIndexShards, ThreadsSetEraseAndLookUpAtTheSameTime) {
    RetainedIndex index(4, 0);
    std::vector<std::thread> threads;
    for (ShardId shard = 0; shard < 4; ++shard) {
        threads.emplace_back([&index, shard] {
            Random random(shard);
            const auto pick = [&](std::uint32_t bound) { return random.below(bound); };
            std::vector<mqtt::MessagePtr> out;
            for (int i = 0; i < 3000; ++i) {
                const std::string topic = random_topic(pick);
                const std::uint32_t kind = pick(8);
                if (kind < 3)
                    index.set(message(topic, pick(2) == 0 ? kNow : kNever));
                else if (kind < 5)
                    index.erase("", topic);
                else if (kind == 5)
                    index.sweep(kNow, 5);
                else {
                    const std::string filter = random_filter(pick);
                    RetainedIndex::Cursor cursor;
                    out.clear();
                    while (!cursor.done) {
                        index.match(shard, "", filter, kNow, 8, cursor, out);
                    }
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    index.sweep(kNow, 100'000);
    for (const std::string_view filter : {"#", "$a/#"}) {
        for (const std::string& topic : topics(index, filter)) EXPECT_TRUE(index.erase("", topic));
    }
    EXPECT_EQ(index.size(), 0U);
    EXPECT_EQ(index.bytes(), 0U);
}

}  // namespace
}  // namespace vmq::routing
