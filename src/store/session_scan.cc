#include "store/session_scan.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/log.h"
#include "store/keys.h"
#include "store/record_codec.h"
#include "store/scan.h"

namespace vmq::store {
namespace {

/// A queue whose sequences are so near each other is counted by reading its keys.
constexpr std::uint64_t kCountedSpan = 64;
/// No queue is longer than that by far.
constexpr std::uint64_t kRoomForLost = 1ULL << 32U;
constexpr std::size_t kMostNames = 10;

std::string name_of(SessionId session, std::string_view value) {
    SessionRecord record;
    if (decode_session(value, record)) return record.key.client_id;
    return fmt::format("number {}", static_cast<std::uint64_t>(session));
}

/// First and last record of queues, asked for in ascending order of sessions.
///
/// The walk forwards stands at the first record that it has not passed, so that the traces of
/// deleted records are stepped over once for all sessions and not once for each.
class QueueBoundsFinder final {
public:
    explicit QueueBoundsFinder(const Database& database)
        : database_(database), forwards_(database, Family::Queues, {.fill_cache = true}) {
        open_backwards();
    }

    QueueBounds find(SessionId session) {
        const auto start = queue_key(session, 0);
        // A walk that stepped over damage may have stepped over whole queues behind it.
        const std::uint64_t jumps = forwards_.jumps();
        if (!started_ || jumps > 0 || (forwards_.valid() && forwards_.key() < start.view())) {
            forwards_.seek(start.view());
            started_ = true;
        }
        QueueBounds bounds;
        const auto first = position(session);
        if (!first) {
            // What cannot be read may be this queue: new messages must not take its sequences.
            if (forwards_.jumps() > jumps) bounds = {1, kRoomForLost, 1};
            return bounds;
        }
        bounds.first = *first;
        bounds.last = last_of(session, bounds.first);
        const std::uint64_t span = bounds.last - bounds.first + 1;
        bounds.count = span;
        if (span > kCountedSpan) return bounds;
        bounds.count = 0;
        for (; position(session); forwards_.next()) ++bounds.count;
        return bounds;
    }

    [[nodiscard]] rocksdb::Status status() const { return forwards_.status(); }

private:
    void open_backwards() {
        backwards_.reset(database_.db().NewIterator({}, database_.family(Family::Queues)));
    }

    [[nodiscard]] std::optional<std::uint64_t> position(SessionId session) const {
        if (!forwards_.valid()) return std::nullopt;
        const auto key = parse_queue_key(forwards_.key());
        if (!key || key->session != session) return std::nullopt;
        return key->sequence;
    }

    std::uint64_t last_of(SessionId session, std::uint64_t first) {
        const auto end = queue_key(session, ~0ULL);
        backwards_->SeekForPrev(to_slice(end.view()));
        while (!backwards_->Valid() && backwards_->status().IsCorruption() &&
               database_.mend(Family::Queues, backwards_->status())) {
            open_backwards();
            backwards_->SeekForPrev(to_slice(end.view()));
        }
        if (backwards_->Valid()) {
            const auto key = parse_queue_key(to_view(backwards_->key()));
            return key && key->session == session ? key->sequence : first;
        }
        // Damage: what can still be read, and room for what cannot.
        std::uint64_t last = first;
        for (; position(session); forwards_.next()) last = *position(session);
        return last + kRoomForLost;
    }

    const Database& database_;
    Scan forwards_;
    std::unique_ptr<rocksdb::Iterator> backwards_;
    bool started_ = false;
};

/// Puts the records of one session together.
class SessionBuilder final {
public:
    SessionBuilder(QueueBoundsFinder& queues, const Engine::OnSession& on_session)
        : queues_(queues), on_session_(on_session) {}

    void take(const SessionKeyParts& key, std::string_view value) {
        if (key.session != session_.id) flush();
        session_.id = key.session;
        if (!decode(key, value)) {
            log::error("a record (kind {}) of stored session {} cannot be read",
                       static_cast<int>(key.kind), static_cast<std::uint64_t>(key.session));
        }
    }

    void flush() {
        StoredSession done = std::exchange(session_, {});
        if (!std::exchange(has_main_, false)) return;
        done.queue = queues_.find(done.id);
        on_session_(std::move(done));
    }

private:
    bool decode(const SessionKeyParts& key, std::string_view value) {
        switch (key.kind) {
            case SessionKeyKind::Main:
                has_main_ = decode_session(value, session_.record);
                return has_main_;
            case SessionKeyKind::Subscription: {
                StoredSubscription& subscription = session_.subscriptions.emplace_back();
                subscription.filter.assign(key.filter);
                if (decode_subscription(value, subscription.options,
                                        subscription.subscription_id)) {
                    return true;
                }
                session_.subscriptions.pop_back();
                return false;
            }
            case SessionKeyKind::Received:
                session_.received.push_back(key.id);
                return true;
            case SessionKeyKind::Released:
                session_.released.push_back(key.sequence);
                return true;
            case SessionKeyKind::Doomed:
                return true;
        }
        return false;
    }

    QueueBoundsFinder& queues_;
    const Engine::OnSession& on_session_;
    StoredSession session_;
    bool has_main_ = false;
};

}  // namespace

Result<void> scan_sessions(const Database& database, const Engine::OnSession& on_session) {
    QueueBoundsFinder queues(database);
    SessionBuilder builder(queues, on_session);
    Scan scan(database, Family::Sessions, {.fill_cache = true});
    for (scan.seek(""); scan.valid(); scan.next()) {
        if (const auto key = parse_session_key(scan.key())) builder.take(*key, scan.value());
    }
    builder.flush();
    for (const rocksdb::Status& status : {scan.status(), queues.status()}) {
        if (!status.ok() && !status.IsCorruption()) {
            return storage_error(status, "cannot read the sessions", database.directory());
        }
    }
    return {};
}

rocksdb::Status count_sessions(const Database& database, SessionCounts& counts) {
    const std::unique_ptr<rocksdb::Iterator> records(
        database.db().NewIterator({}, database.family(Family::Sessions)));
    for (records->SeekToFirst(); records->Valid(); records->Next()) {
        const auto key = parse_session_key(to_view(records->key()));
        if (!key) continue;
        if (key->kind == SessionKeyKind::Main) ++counts.sessions;
        if (key->kind == SessionKeyKind::Subscription) ++counts.subscriptions;
        if (key->kind == SessionKeyKind::Doomed) counts.doomed.push_back(key->session);
    }
    return records->status();
}

std::string session_name(const Database& database, SessionId session) {
    const auto key = session_key(session, SessionKeyKind::Main);
    std::string value;
    (void)database.db().Get({}, database.family(Family::Sessions), to_slice(key.view()), &value);
    return name_of(session, value);
}

std::string session_names(const Database& database, SessionId first, SessionId last) {
    const std::unique_ptr<rocksdb::Iterator> records(
        database.db().NewIterator({}, database.family(Family::Sessions)));
    std::string names;
    std::size_t count = 0;
    const auto begin = session_key(first, SessionKeyKind::Main);
    for (records->Seek(to_slice(begin.view())); records->Valid(); records->Next()) {
        const auto key = parse_session_key(to_view(records->key()));
        if (!key || key->session > last) break;
        if (key->kind != SessionKeyKind::Main || ++count > kMostNames) continue;
        if (count > 1) names += ", ";
        names += name_of(key->session, to_view(records->value()));
    }
    if (count > kMostNames) names += fmt::format(" and {} more", count - kMostNames);
    return count == 0 ? "sessions that are gone" : names;
}

}  // namespace vmq::store
