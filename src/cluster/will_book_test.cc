#include "cluster/will_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace vmq::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

LastWill will_of(const std::string& client, std::uint32_t delay_s = 0, std::size_t bytes = 3) {
    LastWill will;
    will.key = {"", client};
    will.topic = "gone/" + client;
    will.payload = std::string(bytes, 'x');
    will.delay_s = delay_s;
    return will;
}

/// Everything that there is to tell, as frames.
std::vector<std::string> told(OwnWills& own, OwnWills::Peer peer, std::size_t bytes = 1000,
                              std::size_t longest = 100'000) {
    std::vector<std::string> bodies;
    while (own.has_more(peer)) {
        std::string frame;
        own.write(peer, bytes, longest, frame);
        bodies.push_back(frame.substr(kFrameOverhead));
    }
    return bodies;
}

void hear(KnownWills& known, const std::vector<std::string>& bodies, std::size_t room = 1'000'000) {
    for (const std::string& body : bodies) {
        WillsHead head;
        ASSERT_TRUE(known.read(body, room, head));
    }
}

std::vector<std::string> topics(std::vector<LastWill> wills) {
    std::vector<std::string> names;
    for (const LastWill& will : wills) names.push_back(will.topic);
    return names;
}

TEST(WillBook, WhoComesIsToldEverythingThenWhatChanges) {
    OwnWills own;
    own.add(1, will_of("a"));
    own.begin(7, std::nullopt);
    own.add(2, will_of("b"));
    KnownWills known;
    hear(known, told(own, 7));
    EXPECT_EQ(known.size(), 2U);
    EXPECT_EQ(known.through(), 2U);
    EXPECT_FALSE(own.has_more(7));
    own.remove(1);
    own.add(3, will_of("c"));
    hear(known, told(own, 7));
    EXPECT_THAT(topics(known.take(0)), ElementsAre("gone/b", "gone/c"));
    EXPECT_EQ(known.bytes(), 0U);
}

TEST(WillBook, ANewLinkBeginsAnew) {
    OwnWills own;
    own.add(1, will_of("a"));
    own.begin(7, std::nullopt);
    KnownWills known;
    hear(known, told(own, 7));
    own.end(7);
    own.remove(1);
    EXPECT_FALSE(own.has_more(7));
    own.begin(7, 40);
    WillsHead head;
    const auto bodies = told(own, 7);
    ASSERT_EQ(bodies.size(), 1U);
    EXPECT_TRUE(known.read(bodies[0], 1000, head));
    EXPECT_TRUE(head.begins);
    EXPECT_EQ(head.done_s, 40U);
    EXPECT_EQ(known.size(), 0U);
}

TEST(WillBook, GoesInPortionsAndLeavesOutWhatIsTooLong) {
    OwnWills own;
    for (std::uint64_t i = 1; i <= 20; ++i) own.add(i, will_of("c" + std::to_string(i), 0, 300));
    own.add(21, will_of("long", 0, 5000));
    own.begin(7, std::nullopt);
    const auto bodies = told(own, 7, 1000, 4000);
    EXPECT_GT(bodies.size(), 8U);
    for (const std::string& body : bodies) EXPECT_LT(body.size(), 1100U);
    KnownWills known;
    hear(known, bodies);
    EXPECT_EQ(known.size(), 20U);
}

TEST(WillBook, WhatHasNoRoomIsRefusedAndCounted) {
    OwnWills own;
    own.add(1, will_of("a"));
    own.add(2, will_of("b"));
    own.begin(7, std::nullopt);
    KnownWills known;
    hear(known, told(own, 7), will_of("a").footprint());
    EXPECT_EQ(known.size(), 1U);
    EXPECT_EQ(known.refused(), 1U);
    EXPECT_EQ(known.through(), 2U);
}

TEST(WillBook, AClientThatIsBackElsewhereHasNone) {
    OwnWills own;
    own.add(1, will_of("a", 5));
    own.add(2, will_of("a", 6));
    own.add(3, will_of("b", 7));
    own.begin(7, std::nullopt);
    KnownWills known;
    hear(known, told(own, 7));
    EXPECT_EQ(known.shortest_delay(), 5U);
    EXPECT_EQ(known.longest_delay(6), 6U);
    known.forget({"", "a"});
    known.forget({"", "nobody"});
    EXPECT_EQ(known.shortest_delay(), 7U);
    EXPECT_THAT(known.take(6), IsEmpty());
    EXPECT_THAT(topics(known.take(7)), ElementsAre("gone/b"));
    EXPECT_FALSE(known.shortest_delay());
}

TEST(WillBook, WhatHasBeenPublishedIsForgottenByNumberAndDelay) {
    OwnWills own;
    own.add(1, will_of("a"));
    own.add(2, will_of("b", 5));
    own.add(3, will_of("c"));
    own.begin(7, std::nullopt);
    KnownWills known;
    hear(known, told(own, 7));
    known.forget_done(2, 4);
    EXPECT_THAT(topics(known.take(9)), ElementsAre("gone/b", "gone/c"));
}

TEST(WillBook, BytesThatCannotBeReadAreRefused) {
    OwnWills own;
    own.add(1, will_of("a"));
    own.begin(7, 3);
    const std::string body = told(own, 7).at(0);
    WillsHead head;
    // Without its will the frame is whole.
    for (std::size_t size = 0; size < body.size(); ++size) {
        KnownWills known;
        EXPECT_EQ(known.read(std::string_view(body).substr(0, size), 1000, head), size == 2)
            << size;
    }
    KnownWills known;
    EXPECT_FALSE(known.read("\x04", 1000, head));
    EXPECT_FALSE(known.read(std::string("\0\0\1", 3), 1000, head)) << "number 0";
}

// Whatever comes and goes, with links that break, the others have what there is.
TEST(WillBookModel, OthersHaveWhatThereIs) {
    for (unsigned seed = 1; seed <= 100; ++seed) {
        std::mt19937 random(seed);
        OwnWills own;
        std::map<std::uint64_t, std::string> model;
        std::map<OwnWills::Peer, KnownWills> others;
        std::uint64_t last = 0;
        for (int i = 0; i < 300; ++i) {
            const auto peer = static_cast<OwnWills::Peer>(random() % 3);
            switch (random() % 5) {
                case 0:
                case 1:
                    ++last;
                    own.add(last, will_of(std::to_string(last),
                                          static_cast<std::uint32_t>(random() % 3)));
                    model.emplace(last, std::to_string(last));
                    break;
                case 2:
                    if (last == 0) break;
                    own.remove(1 + random() % last);
                    for (auto at = model.begin(); at != model.end();) {
                        at = own.all().contains(at->first) ? std::next(at) : model.erase(at);
                    }
                    break;
                case 3:
                    own.begin(peer, std::nullopt);
                    others[peer];
                    break;
                default:
                    if (own.has_more(peer)) {
                        std::string frame;
                        own.write(peer, 200, 10'000, frame);
                        hear(others[peer], {frame.substr(kFrameOverhead)});
                    }
            }
        }
        for (auto& [peer, known] : others) {
            hear(known, told(own, peer));
            EXPECT_EQ(known.size(), model.size()) << "seed " << seed;
            EXPECT_EQ(known.take(5).size(), model.size()) << "seed " << seed;
            EXPECT_EQ(known.bytes(), 0U) << "seed " << seed;
        }
    }
}

}  // namespace
}  // namespace vmq::cluster
