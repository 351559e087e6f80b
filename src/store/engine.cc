#include "store/engine.h"

#include <fmt/format.h>
#include <rocksdb/utilities/checkpoint.h>

#include <chrono>
#include <limits>
#include <utility>

#include "base/entropy.h"
#include "base/log.h"
#include "store/batch_writer.h"
#include "store/database.h"
#include "store/doomed_sessions.h"
#include "store/engine_internal.h"
#include "store/inventory.h"
#include "store/keys.h"
#include "store/queue_reader.h"
#include "store/reclaimer.h"
#include "store/salvage.h"
#include "store/scan.h"
#include "store/session_scan.h"

namespace vmq::store {
namespace {

constexpr std::string_view kSeedName = "seed";
constexpr std::string_view kBootName = "boot";
constexpr std::uint32_t kWritesAtOnce = 1000;

/// In place of a boot counter that was lost: far beyond what it can have been, because numbers that
/// were made from it must not be made again.
std::uint64_t boot_after_damage() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::hours>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

}  // namespace

struct Engine::Impl {
    Impl(std::unique_ptr<Database> opened, const ClockAnchors& anchors,
         std::vector<std::string> told)
        : database(std::move(opened)), clocks(anchors), notices(std::move(told)) {}

    /// Numbers of this store and this boot.
    Result<void> begin() {
        const bool is_new = database->estimated_keys(Family::Sessions) == 0 &&
                            database->estimated_keys(Family::Messages) == 0;
        const int copies = database->read_number(kSeedName, seed);
        if (copies == 0) seed = entropy();
        if (copies < 2) {
            if (auto written = database->write_number(kSeedName, seed); !written) return written;
        }
        std::uint64_t boots = 0;
        if (database->read_number(kBootName, boots) == 0 && !is_new) {
            boots = boot_after_damage();
            notices.emplace_back("the number of starts was lost and goes on with a high one");
        }
        if (boots >= std::numeric_limits<std::uint32_t>::max()) {
            return Error{ErrorCode::LimitReached, "the store was opened too often"};
        }
        boot = static_cast<std::uint32_t>(boots + 1);
        if (auto written = database->write_number(kBootName, boot); !written) return written;
        SessionCounts counts;
        if (const auto status = count_sessions(*database, counts); !status.ok()) {
            return storage_error(status, "cannot read the sessions", database->directory());
        }
        for (const SessionId session : counts.doomed) (void)doomed.insert(session);
        writer = std::make_unique<BatchWriter>(*database, clocks, doomed, seed,
                                               database->estimated_keys(Family::Queues));
        reader = std::make_unique<QueueReader>(*database, clocks, doomed);
        reclaimer = std::make_unique<Reclaimer>(*database, *writer, doomed);
        return {};
    }

    std::unique_ptr<Database> database;
    const ClockAnchors clocks;
    std::vector<std::string> notices;
    std::uint64_t seed = 0;
    std::uint32_t boot = 0;
    DoomedSessions doomed;
    std::unique_ptr<BatchWriter> writer;
    std::unique_ptr<QueueReader> reader;
    std::unique_ptr<Reclaimer> reclaimer;
};

Engine::Engine() = default;

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::open(EngineOptions options) {
    DatabaseOptions database;
    database.directory = std::move(options.directory);
    database.memory_bytes = options.memory_bytes;
    if (options.environment != nullptr) database.env = options.environment->env;
    database.leave_out = options.leave_out;
    std::vector<std::string> notices;
    auto opened = open_or_salvage(database, notices);
    if (!opened) return opened.error();
    auto impl = std::make_unique<Impl>(std::move(opened).value(),
                                       ClockAnchors{options.steady_anchor, options.wall_anchor},
                                       std::move(notices));
    if (auto begun = impl->begin(); !begun) return begun.error();
    return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

const std::vector<std::string>& Engine::notices() const noexcept {
    static const std::vector<std::string> kNone;
    return impl_ ? impl_->notices : kNone;
}

std::uint64_t Engine::seed() const noexcept { return impl_->seed; }

std::uint32_t Engine::boot() const noexcept { return impl_->boot; }

Result<void> Engine::for_each_session(const OnSession& on_session) {
    return scan_sessions(*impl_->database, on_session);
}

Result<void> Engine::for_each_retained(const OnRetained& on_retained) {
    Database& database = *impl_->database;
    rocksdb::WriteBatch expired;
    Scan scan(database, Family::Retained);
    for (scan.seek(""); scan.valid(); scan.next()) {
        mqtt::MessagePtr message;
        if (!decode_message(scan.value(), impl_->clocks, message)) {
            log::error("a retained message of the store cannot be read");
        } else if (message->expired(impl_->clocks.steady)) {
            (void)expired.Delete(database.family(Family::Retained), to_slice(scan.key()));
            if (expired.Count() < kWritesAtOnce) continue;
            if (auto written = database.write(expired, Durability::Os); !written) return written;
            expired.Clear();
        } else {
            on_retained(std::move(message));
        }
    }
    if (const auto status = scan.status(); !status.ok() && !status.IsCorruption()) {
        return storage_error(status, "cannot read the retained messages", database.directory());
    }
    return expired.Count() == 0 ? Result<void>{} : database.write(expired, Durability::Os);
}

Result<void> Engine::for_each_fact(const OnFact& on_fact) {
    Database& database = *impl_->database;
    Scan scan(database, Family::Facts);
    for (scan.seek(""); scan.valid(); scan.next()) {
        std::string_view value;
        if (scan.key().size() < 2 || !decode_fact(scan.value(), value)) {
            log::error("a fact of the cluster in the store cannot be read");
            continue;
        }
        on_fact(scan.key().substr(1), value);
    }
    if (const auto status = scan.status(); !status.ok() && !status.IsCorruption()) {
        return storage_error(status, "cannot read the facts of the cluster", database.directory());
    }
    return {};
}

Result<void> Engine::write(std::span<const WriteBatch* const> batches, Durability durability) {
    return impl_->writer->write(batches, durability);
}

bool Engine::stuck() const noexcept { return impl_->database->stuck(); }

Result<void> Engine::can_be_opened_anew() const { return impl_->database->can_be_opened_anew(); }

std::uint64_t Engine::failed_write() const noexcept { return impl_->database->failed_write(); }

Result<void> Engine::flush() { return impl_->database->flush(); }

Result<std::vector<StoredMessage>> Engine::load(const LoadRequest& request) const {
    return impl_->reader->load(request);
}

bool Engine::needs_reopening() const noexcept {
    return impl_ && impl_->database->needs_reopening();
}

bool Engine::reclaim() { return impl_->reclaimer->step(); }

Engine::Sizes Engine::sizes() const {
    return {impl_->database->bytes_on_disk(), impl_->database->memory_used()};
}

EngineStats Engine::stats() const {
    const Database& database = *impl_->database;
    EngineStats stats;
    SessionCounts counts;
    (void)count_sessions(database, counts);
    stats.sessions = counts.sessions;
    stats.subscriptions = counts.subscriptions;
    stats.queued_messages = database.count_keys(Family::Queues);
    stats.shared_messages = database.count_keys(Family::Messages);
    stats.retained_messages = database.count_keys(Family::Retained);
    stats.unreadable_messages = impl_->reader->unreadable() + database.messages_lost();
    stats.bytes_on_disk = database.bytes_on_disk();
    stats.memory_bytes = database.memory_used();
    stats.format_version = static_cast<std::uint32_t>(kFormatVersion);
    stats.boots = impl_->boot;
    return stats;
}

Result<void> Engine::checkpoint(const std::string& directory) const {
    rocksdb::Checkpoint* made = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(&impl_->database->db(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (status.ok()) status = checkpoint->CreateCheckpoint(directory);
    if (status.ok()) return {};
    return storage_error(status, "cannot copy the store", directory);
}

Result<Engine::CheckReport> Engine::check(
    const std::function<void(std::uint64_t)>& progress) const {
    return check_store(*impl_->database, progress);
}

}  // namespace vmq::store
