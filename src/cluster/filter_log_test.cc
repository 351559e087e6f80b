#include "cluster/filter_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>
#include <utility>

#include "base/random.h"
#include "cluster/frame_codec.h"
#include "cluster/number_frame.h"
#include "mqtt/internal_group.h"

namespace vmq::cluster {
namespace {

using Name = std::pair<std::string, std::string>;
using Filters = std::map<Name, bool>;  // persistent

class Owner final : public FilterSource {
public:
    explicit Owner(std::uint64_t boot, std::size_t most_changes) : log(boot, most_changes) {}

    void subscribe(const std::string& filter, bool persistent) {
        filters[{"m", filter}] = persistent;
        log.add({"m", filter, true, persistent});
    }
    void unsubscribe(const std::string& filter) {
        filters.erase({"m", filter});
        log.add({"m", filter, false, false});
    }
    bool portion(std::uint32_t number, std::vector<FilterChange>& found) const override {
        ++portions;
        for (const auto& [name, persistent] : filters) {
            if (std::hash<std::string>()(name.second) % kPortions == number) {
                found.push_back({name.first, name.second, true, persistent});
            }
        }
        return number + 1 < kPortions;
    }

    static constexpr std::uint32_t kPortions = 4;
    Filters filters;
    FilterLog log;
    mutable int portions = 0;
};

class Known final : public FilterSink {
public:
    void set_group(std::string_view mountpoint, std::string_view group, std::string_view filter,
                   std::uint32_t online, std::uint32_t stored) override {
        groups[fmt::format("{}:{}:{}", mountpoint, group, filter)] = {online, stored};
    }
    void begin_all() override {
        next.clear();
        replacing = true;
    }
    void set(std::string_view mountpoint, std::string_view filter, bool subscribed,
             bool persistent) override {
        Filters& where = replacing ? next : filters;
        const Name name{mountpoint, filter};
        if (subscribed) {
            where[name] = persistent;
        } else {
            where.erase(name);
        }
    }
    void end_all() override {
        filters = std::exchange(next, {});
        replacing = false;
    }

    Filters filters;
    Filters next;
    std::map<std::string, std::pair<std::uint32_t, std::uint32_t>> groups;
    bool replacing = false;
};

// One owner, one receiver and a link whose frames travel one by one.
class FilterLogTest : public ::testing::Test {
protected:
    void link() {
        std::string bytes;
        to_receiver.clear();
        to_owner.clear();
        receiver.begin(owner->log.boot(), bytes);
        enqueue(bytes, to_owner);
    }
    static void enqueue(std::string_view bytes, std::deque<std::string>& to) {
        FrameReader reader(1 << 20);
        reader.add(bytes);
        for (Frame frame; reader.next(frame) == FrameReader::Status::Complete;) {
            to.push_back(static_cast<char>(frame.type) + std::string(frame.body));
        }
    }
    void send(std::size_t most_bytes) {
        std::string bytes;
        if (sender->pump(bytes, most_bytes)) enqueue(bytes, to_receiver);
    }
    void carry_to_owner() {
        if (to_owner.empty()) return;
        const std::string frame = std::exchange(to_owner.front(), {});
        to_owner.pop_front();
        const auto body = std::string_view(frame).substr(1);
        if (static_cast<FrameType>(frame[0]) == FrameType::FilterState) {
            FilterState state;
            ASSERT_TRUE(decode_filter_state(body, state));
            return sender->begin(state.boot, state.number);
        }
        std::uint64_t number = 0;
        ASSERT_TRUE(decode_number(body, number));
        ASSERT_TRUE(sender->acknowledge(number));
    }
    void carry_to_receiver() {
        if (to_receiver.empty()) return;
        const std::string frame = std::exchange(to_receiver.front(), {});
        to_receiver.pop_front();
        ASSERT_TRUE(receiver.receive(std::string_view(frame).substr(1)));
    }
    void acknowledge() {
        std::string bytes;
        receiver.acknowledge(receiver.state(), bytes);
        enqueue(bytes, to_owner);
    }
    void settle() {
        for (int i = 0; i < 4 || !to_receiver.empty() || !to_owner.empty(); ++i) {
            ASSERT_LT(i, 10'000);
            carry_to_owner();
            send(1000);
            while (!to_receiver.empty()) carry_to_receiver();
            acknowledge();
        }
    }
    void start_owner(std::uint64_t boot, std::size_t most_changes = 100) {
        owner = std::make_unique<Owner>(boot, most_changes);
        sender = std::make_unique<FilterSender>(owner->log, *owner);
    }

    std::unique_ptr<Owner> owner;
    std::unique_ptr<FilterSender> sender;
    Known known;
    FilterReceiver receiver{known};
    std::deque<std::string> to_receiver;
    std::deque<std::string> to_owner;
};

TEST_F(FilterLogTest, TheFirstLinkCarriesEverythingAndThenWhatChanges) {
    start_owner(7);
    owner->subscribe("a/#", true);
    owner->subscribe("b", false);
    EXPECT_FALSE(receiver.complete());
    link();
    settle();
    EXPECT_TRUE(receiver.complete());
    EXPECT_EQ(known.filters, owner->filters);
    EXPECT_EQ(sender->acknowledged(), 2U);
    EXPECT_EQ(owner->portions, 4);
    owner->unsubscribe("b");
    owner->subscribe("a/#", false);
    owner->subscribe("c", false);
    EXPECT_LT(sender->acknowledged(), owner->log.number());
    settle();
    EXPECT_EQ(known.filters, owner->filters);
    EXPECT_EQ(sender->acknowledged(), 5U);
    EXPECT_EQ(owner->portions, 4);
}

TEST_F(FilterLogTest, ANodeThatWasAwayForAMomentGetsWhatCameMeanwhile) {
    start_owner(7);
    owner->subscribe("a", true);
    link();
    settle();
    sender->end();
    for (int i = 0; i < 50; ++i) owner->subscribe("f" + std::to_string(i), false);
    link();
    settle();
    EXPECT_EQ(known.filters, owner->filters);
    EXPECT_EQ(owner->portions, 4);
}

TEST_F(FilterLogTest, WhoWasAwayForLongOrKnewAnotherProcessGetsEverything) {
    start_owner(7);
    owner->subscribe("old", true);
    link();
    settle();
    sender->end();
    for (int i = 0; i < 150; ++i) owner->subscribe("f" + std::to_string(i), false);
    owner->unsubscribe("old");
    link();
    settle();
    EXPECT_EQ(known.filters, owner->filters);
    EXPECT_EQ(owner->portions, 8);

    start_owner(8);
    owner->subscribe("new", true);
    link();
    EXPECT_TRUE(receiver.complete() == false) << "of a process that is gone";
    EXPECT_EQ(known.filters.size(), 150U) << "kept until the new one has told everything";
    settle();
    EXPECT_EQ(known.filters, owner->filters);
}

TEST_F(FilterLogTest, WhenTooMuchChangesMeanwhileItBeginsAgain) {
    start_owner(7, 10);
    for (int i = 0; i < 20; ++i) owner->subscribe("f" + std::to_string(i), false);
    link();
    carry_to_owner();
    send(1);
    for (int i = 0; i < 20; ++i) owner->unsubscribe("f" + std::to_string(i));
    owner->subscribe("last", true);
    settle();
    EXPECT_EQ(known.filters, owner->filters);
    EXPECT_EQ(sender->acknowledged(), 41U);
}

TEST_F(FilterLogTest, NoFrameIsLongerThanAnyReceiverTakes) {
    start_owner(7);
    for (int i = 0; i < 3000; ++i) {
        owner->subscribe(std::to_string(i) + std::string(1000, 'x'), false);
    }
    owner->subscribe(std::string(65'000, 'y'), true);
    link();
    std::size_t frames = 0;
    for (int i = 0; i < 100; ++i) {
        carry_to_owner();
        send(1'000'000);
        for (; !to_receiver.empty(); ++frames) {
            ASSERT_LT(to_receiver.front().size(), 200'000U);
            carry_to_receiver();
        }
        acknowledge();
    }
    EXPECT_GT(frames, 20U);
    EXPECT_EQ(known.filters, owner->filters);
    EXPECT_EQ(sender->acknowledged(), owner->log.number());
}

TEST_F(FilterLogTest, MembersOfSharedGroupsAreCounted) {
    start_owner(7);
    link();
    settle();
    owner->log.add({"m", "$share/g/a/+", true, false, 3, 1});
    owner->log.add({"m", "$share/g/b", true, false, 0, 300});
    owner->log.add({"m", "$share/h/a/+", false, false, 0, 0});
    const std::string turns = mqtt::group_of_sessions("id/1");  // that no client can name
    owner->log.add({"m", "$share/" + turns + "/a/+", true, false, 1, 0});
    settle();
    EXPECT_EQ(known.groups["m:" + turns + ":a/+"], std::pair(1U, 0U));
    EXPECT_EQ(known.groups["m:g:a/+"], std::pair(3U, 1U));
    EXPECT_EQ(known.groups["m:g:b"], std::pair(0U, 300U));
    EXPECT_EQ(known.groups["m:h:a/+"], std::pair(0U, 0U));
    EXPECT_TRUE(known.filters.empty());
}

TEST_F(FilterLogTest, BadBytesAreRefusedAndTheNextLinkTellsEverything) {
    start_owner(7);
    owner->subscribe("a", true);
    link();
    settle();
    std::string change;
    owner->subscribe("b", true);
    (void)sender->pump(change, 1000);
    const std::string body = change.substr(kFrameOverhead);
    for (std::size_t cut = 0; cut < body.size(); ++cut) {
        FilterReceiver other(known);
        std::string ignored;
        other.begin(7, ignored);
        EXPECT_FALSE(other.receive(std::string_view(body).substr(0, cut)));
    }
    EXPECT_FALSE(receiver.receive(body + "x"));
    EXPECT_FALSE(receiver.receive(std::string("\x04\x01\x00", 3)));
    EXPECT_FALSE(receiver.receive(std::string("\x00\x01\x01\x01\x00\x03$/#x", 10)));
    EXPECT_FALSE(receiver.complete());
    std::uint64_t number = 0;
    FilterState state;
    EXPECT_FALSE(decode_number("", number));
    EXPECT_FALSE(decode_filter_state("1234567", state));
    EXPECT_FALSE(sender->acknowledge(100));
    link();
    settle();
    EXPECT_EQ(known.filters, owner->filters);
    EXPECT_TRUE(receiver.complete());
}

TEST_F(FilterLogTest, HoweverLinksBreakTheReceiverEndsUpRight) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Random random{seed};
        known = Known();
        receiver = FilterReceiver(known);
        std::uint64_t boot = seed * 100;
        start_owner(++boot, 20);
        bool linked = false;
        for (int step = 0; step < 600; ++step) {
            const std::string filter = "f" + std::to_string(random.below(30));
            switch (random.below(9)) {
                case 0:
                case 1:
                    owner->subscribe(filter, random.below(2) == 0);
                    break;
                case 2:
                    owner->unsubscribe(filter);
                    break;
                case 3:
                    carry_to_owner();
                    break;
                case 4:
                    send(1 + random.below(40));
                    break;
                case 5:
                    carry_to_receiver();
                    break;
                case 6:
                    if (linked) acknowledge();
                    break;
                case 7:
                    if (random.below(10) != 0) break;
                    sender->end();
                    linked = true;
                    link();
                    break;
                default:
                    if (random.below(50) != 0) break;
                    start_owner(++boot, 20);
                    to_receiver.clear();
                    to_owner.clear();
                    linked = false;
            }
            ASSERT_FALSE(HasFatalFailure());
        }
        sender->end();
        link();
        settle();
        ASSERT_EQ(known.filters, owner->filters);
        ASSERT_TRUE(receiver.complete());
        ASSERT_EQ(sender->acknowledged(), owner->log.number());
    }
}

}  // namespace
}  // namespace vmq::cluster
