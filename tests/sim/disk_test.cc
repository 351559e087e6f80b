#include "sim/disk.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace vmq::sim {
namespace {

class DiskTest : public ::testing::Test {
protected:
    void open() {
        opened = disk.open(
            1, [this](ShardId, std::function<void()> work) { posted.push_back(std::move(work)); },
            [] {});
    }
    void write(const std::string& key) {
        store::WriteBatch batch;
        batch.add(store::PutFact{key, "value"});
        opened.store->commit(1, std::move(batch),
                             [this, key](store::CommitStatus) { safe.push_back(key); });
    }
    void run() {
        world.now += Millis(100);
        world.run_events();
        for (const auto& work : std::exchange(posted, {})) work();
    }

    World world{1};
    Disk disk{world, 0};
    broker::Surroundings::Disk opened;
    std::vector<std::function<void()>> posted;
    std::vector<std::string> safe;
};

TEST_F(DiskTest, WhatIsSafeSurvivesAndTheRestPerhaps) {
    bool kept = false;
    bool lost = false;
    for (int i = 0; i < 30; ++i) {
        const std::string key = "k" + std::to_string(i);
        open();
        write(key);
        EXPECT_EQ(safe.size(), static_cast<std::size_t>(i));
        run();
        ASSERT_EQ(safe.size(), static_cast<std::size_t>(i) + 1);
        write(key + "-unsynced");
        disk.crash();
        run();
        EXPECT_EQ(safe.size(), static_cast<std::size_t>(i) + 1) << "nobody is left to be told";
        EXPECT_TRUE(disk.records().facts().contains(key));
        (disk.records().facts().contains(key + "-unsynced") ? kept : lost) = true;
    }
    EXPECT_TRUE(kept);
    EXPECT_TRUE(lost);
}

TEST_F(DiskTest, EachProcessIsAnotherBootOfTheSameDisk) {
    open();
    const auto seed = opened.client_seed;
    const auto boot = opened.boot;
    disk.crash();
    open();
    EXPECT_EQ(opened.client_seed, seed);
    EXPECT_GT(opened.boot, boot);
}

}  // namespace
}  // namespace vmq::sim
