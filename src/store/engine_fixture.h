// A store in a folder of its own, and short words to fill it, for tests. Internal to the tests of
// this folder.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/engine.h"
#include "store/message_store.h"

namespace vmq::store::test {

/// A new folder that goes with the object. One owner, one thread.
class TemporaryDirectory final {
public:
    TemporaryDirectory() {
        std::error_code none;
        const std::filesystem::path memory = "/dev/shm";  // where fsync costs nothing
        const bool has_memory = std::filesystem::is_directory(memory, none);
        const auto parent = has_memory ? memory : std::filesystem::temp_directory_path();
        std::string pattern = (parent / "vmq_store_XXXXXX").string();
        EXPECT_NE(mkdtemp(pattern.data()), nullptr);
        path_ = pattern;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

inline constexpr TimePoint kSteady{Millis{5'000'000}};
inline constexpr WallMillis kWall = 1'700'000'000'000;

inline mqtt::MessagePtr message(std::string_view payload, std::uint64_t store_id = 0) {
    return mqtt::Message::make({.topic = "topic",
                                .payload = payload,
                                .qos = mqtt::QoS::AtLeastOnce,
                                .store_id = store_id});
}

inline PutMessage put(std::uint64_t session, std::uint64_t sequence, mqtt::MessagePtr message) {
    return {SessionId{session},     sequence, std::move(message), nullptr, 0,
            mqtt::QoS::AtLeastOnce, false};
}

inline PutSession put_session(std::uint64_t session, std::string client_id) {
    PutSession put{SessionId{session}, {}};
    put.record.key.client_id = std::move(client_id);
    return put;
}

template <typename... Writes>
WriteBatch batch_of(Writes... writes) {
    WriteBatch batch;
    (batch.add(std::move(writes)), ...);
    return batch;
}

inline std::uint64_t size_of_files(const std::string& directory) {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
        std::error_code gone;  // files may go while this looks at them
        const std::uint64_t size = entry.file_size(gone);
        if (!gone) bytes += size;
    }
    return bytes;
}

/// Files in a folder whose names end like that, in order.
inline std::vector<std::string> files_named(const std::string& directory, std::string_view end) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        const std::string name = entry.path().filename().string();
        if (entry.is_regular_file() && std::string_view(name).ends_with(end)) {
            found.push_back(entry.path().string());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

class EngineTest : public testing::Test {
protected:
    [[nodiscard]] EngineOptions options() const {
        EngineOptions options;
        options.directory = folder_.path() + "/store";
        options.memory_bytes = 8 << 20;
        options.steady_anchor = kSteady;
        options.wall_anchor = kWall;
        options.environment = environment_;
        return options;
    }
    [[nodiscard]] std::string directory() const { return options().directory; }

    void open(std::uint64_t leave_out = 0) {
        EngineOptions how = options();
        engine_.reset();
        how.leave_out = leave_out;
        auto opened = Engine::open(how);
        ASSERT_TRUE(opened) << opened.error().detail;
        engine_ = std::move(opened).value();
    }
    void close() { engine_.reset(); }

    void write(const WriteBatch& batch, Durability durability = Durability::Os) {
        const WriteBatch* batches[] = {&batch};
        const auto written = engine_->write(batches, durability);
        ASSERT_TRUE(written) << written.error().detail;
    }
    template <typename... Writes>
    void write_all(Writes... writes) {
        write(batch_of(std::move(writes)...));
    }

    [[nodiscard]] std::vector<StoredMessage> load(std::uint64_t session, std::uint64_t from = 0,
                                                  std::uint64_t to = ~0ULL,
                                                  std::size_t max_count = 1'000'000) const {
        auto loaded =
            engine_->load({SessionId{session}, from, to, max_count, std::size_t{1} << 30U, false});
        EXPECT_TRUE(loaded) << loaded.error().detail;
        return loaded ? std::move(loaded).value() : std::vector<StoredMessage>{};
    }
    [[nodiscard]] std::vector<std::string> payloads(std::uint64_t session) const {
        std::vector<std::string> result;
        for (const StoredMessage& each : load(session)) {
            result.emplace_back(each.message->payload());
        }
        return result;
    }
    [[nodiscard]] std::vector<StoredSession> sessions() const {
        std::vector<StoredSession> result;
        const auto done = engine_->for_each_session(
            [&](StoredSession session) { result.push_back(std::move(session)); });
        EXPECT_TRUE(done);
        return result;
    }
    void reclaim_all() {
        while (engine_->reclaim()) {
        }
    }
    void expect_consistent() {
        const auto report = engine_->check({});
        ASSERT_TRUE(report) << report.error().detail;
        for (const std::string& problem : report.value().problems) ADD_FAILURE() << problem;
    }

    TemporaryDirectory folder_;
    const EngineEnvironment* environment_ = nullptr;
    std::unique_ptr<Engine> engine_;
};

}  // namespace vmq::store::test
