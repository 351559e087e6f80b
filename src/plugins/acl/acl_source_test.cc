#include "plugins/acl/acl_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "plugins/acl/acl_plugin.h"
#include "support/temporary_folder.h"
#include "transport/tls_files.h"

namespace vmq::plugins::acl {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr Identity kClient{"", "c", std::nullopt};

class AclSourceTest : public ::testing::Test {
protected:
    /// Replaces the file as editors do, so that it is another one.
    void write(std::string_view text, const std::string& name = "vmq.acl") {
        const std::string fresh = folder_.path() + "/fresh";
        std::ofstream(fresh, std::ios::binary) << text;
        std::filesystem::rename(fresh, folder_.path() + "/" + name);
    }
    [[nodiscard]] std::string path(const std::string& name = "vmq.acl") const {
        return folder_.path() + "/" + name;
    }
    [[nodiscard]] bool allowed(std::string_view topic) const {
        return static_cast<bool>(source_.rules()->may_publish(kClient, topic));
    }

    /// As if everything had been written long ago.
    void look() { EXPECT_EQ(source_.look(std::numeric_limits<std::int64_t>::max()), std::nullopt); }

    vmq::testing::TemporaryFolder folder_;
    std::vector<Revision> told_;
    AclSource source_{{.file = folder_.path() + "/vmq.acl"},
                      [this](const Revision& revision) { told_.push_back(revision); }};
};

TEST_F(AclSourceTest, AllowsNothingUntilAFileIsRead) {
    EXPECT_FALSE(allowed("a"));
    EXPECT_FALSE(source_.reload());
    EXPECT_FALSE(allowed("a"));
    EXPECT_EQ(source_.generation(), 0U);
    write("topic a\n");
    EXPECT_TRUE(source_.reload());
    EXPECT_TRUE(allowed("a"));
    EXPECT_EQ(source_.generation(), 1U);
}

TEST_F(AclSourceTest, TellsWhatChanges) {
    write("topic a\nnonsense\n");
    const auto first = source_.reload();
    ASSERT_TRUE(first);
    EXPECT_THAT(first.value().changes.added, SizeIs(1));
    EXPECT_EQ(first.value().problem_count, 1U);
    write("topic b\n");
    ASSERT_TRUE(source_.reload());
    ASSERT_THAT(told_, SizeIs(2));
    EXPECT_EQ(told_[1].changes.removed.at(0).text(), "topic a");
    EXPECT_TRUE(told_[1].before->may_publish(kClient, "a"));
    write("# only this\ntopic b\n");
    ASSERT_TRUE(source_.reload());
    EXPECT_THAT(told_, SizeIs(2));  // the rules are the same
}

TEST_F(AclSourceTest, KeepsTheRulesWhenTheFileCannotBeRead) {
    write("topic a\n");
    ASSERT_TRUE(source_.reload());
    std::filesystem::remove(path());
    look();
    look();
    EXPECT_TRUE(allowed("a"));
    EXPECT_THAT(source_.reload().error().detail, HasSubstr("vmq_acl.acl_file"));
    write("topic b\n");
    look();
    EXPECT_TRUE(allowed("b") && !allowed("a"));
}

TEST_F(AclSourceTest, LooksAtTheFileOnlyWhenItHasChanged) {
    write("topic a\n");
    look();
    const std::uint64_t generation = source_.generation();
    look();
    EXPECT_EQ(source_.generation(), generation);
    write("topic b\n");
    look();
    EXPECT_TRUE(allowed("b"));
}

TEST_F(AclSourceTest, LeavesAFileAloneThatIsPerhapsStillBeingWritten) {
    write("topic a\n");
    ASSERT_TRUE(source_.reload());
    write("topic b\n");
    const std::int64_t written = transport::modified_ns(path()).value();
    EXPECT_NE(source_.look(written + AclSource::kSettledAfterNs - 1), std::nullopt);
    EXPECT_TRUE(allowed("a") && !allowed("b"));
    EXPECT_EQ(source_.look(written + AclSource::kSettledAfterNs), std::nullopt);
    EXPECT_TRUE(allowed("b") && !allowed("a"));
}

TEST_F(AclSourceTest, HasOtherRulesUntilItsFileIsThere) {
    source_.use_until_there("topic #\n");
    EXPECT_TRUE(allowed("a"));
    look();
    EXPECT_TRUE(allowed("a"));
    write("topic b\n");
    look();
    EXPECT_TRUE(allowed("b") && !allowed("a"));
    std::filesystem::remove(path());
    look();
    EXPECT_TRUE(allowed("b") && !allowed("a"));
}

TEST_F(AclSourceTest, TakesAnotherFileOnlyIfItCanBeRead) {
    write("topic a\n");
    ASSERT_TRUE(source_.reload());
    EXPECT_FALSE(source_.use_file(path("other.acl")));
    ASSERT_TRUE(source_.reload());
    EXPECT_TRUE(allowed("a"));
    write("topic b\n", "other.acl");
    ASSERT_TRUE(source_.use_file(path("other.acl")));
    EXPECT_TRUE(allowed("b"));
    ASSERT_TRUE(source_.reload());
    EXPECT_TRUE(allowed("b") && !allowed("a"));
}

TEST_F(AclSourceTest, ShowsWhatAFileWouldChangeWithoutTakingIt) {
    write("topic a\n");
    ASSERT_TRUE(source_.reload());
    write("topic b\n", "next.acl");
    const auto preview = source_.preview(path("next.acl"));
    ASSERT_TRUE(preview);
    EXPECT_EQ(preview.value().changes.added.at(0).text(), "topic b");
    const std::vector<std::string_view> filters{"a", "b"};
    EXPECT_THAT(revoked(preview.value(), kClient, filters), ::testing::ElementsAre("a"));
    EXPECT_TRUE(allowed("a") && !allowed("b"));
    EXPECT_FALSE(source_.preview(path("missing.acl")));
}

TEST_F(AclSourceTest, LimitsLevelsAsConfigured) {
    write("topic 1/2/3\n");
    AclSource flat({.file = path(), .max_levels = 2});
    ASSERT_TRUE(flat.reload());
    EXPECT_TRUE(flat.rules()->rules().empty());
}

TEST_F(AclSourceTest, IsLookedAtByAWatcherAtIntervals) {
    write("topic a\n");
    std::promise<void> changed;
    AclSource source({.file = path()}, [&](const Revision&) { changed.set_value(); });
    AclWatcher watcher(source, Millis(0));
    EXPECT_EQ(source.generation(), 0U);
    watcher.set_interval(Millis(1));
    changed.get_future().wait();
    EXPECT_TRUE(source.rules()->may_publish(kClient, "a"));
}

hooks::Decision asks(AclPlugin& plugin, std::string_view topic) {
    hooks::PublishContext context;
    context.subscriber = {"", "c"};
    context.topic = topic;
    return plugin.auth_on_publish(context, {})->decision;
}

// One of "a" and "b" is granted at any time, "both" always; nobody may ever see a mixture.
TEST_F(AclSourceTest, MayChangeWhileShardsAsk) {
    const std::string texts[] = {"topic both\ntopic a\n", "topic both\ntopic b\n"};
    write(texts[0]);
    ASSERT_TRUE(source_.reload());
    const std::shared_ptr<const AclSource> shared(&source_, [](const AclSource*) {});
    std::atomic<bool> stop{false};
    std::vector<std::thread> shards;
    shards.reserve(3);
    for (int i = 0; i < 3; ++i) {
        shards.emplace_back([&] {
            AclPlugin plugin(shared);
            while (!stop) {
                EXPECT_EQ(asks(plugin, "both"), hooks::Decision::Ok);
                EXPECT_EQ(asks(plugin, "none"), hooks::Decision::Next);
                (void)asks(plugin, "a");
                const auto rules = shared->rules();
                EXPECT_NE(static_cast<bool>(rules->may_publish(kClient, "a")),
                          static_cast<bool>(rules->may_subscribe(kClient, "b")));
            }
        });
    }
    for (int round = 1; round <= 50; ++round) {
        write(texts[round % 2]);
        EXPECT_TRUE(source_.reload());
        AclPlugin fresh(shared);
        EXPECT_EQ(asks(fresh, round % 2 == 0 ? "a" : "b"), hooks::Decision::Ok);
        EXPECT_EQ(asks(fresh, round % 2 == 0 ? "b" : "a"), hooks::Decision::Next);
    }
    stop = true;
    for (std::thread& shard : shards) shard.join();
}

}  // namespace
}  // namespace vmq::plugins::acl
