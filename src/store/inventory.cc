#include "store/inventory.h"

#include <fmt/format.h>

#include <utility>

#include "store/counted_body.h"
#include "store/keys.h"
#include "store/record_codec.h"
#include "store/scan.h"

namespace vmq::store {
namespace {

constexpr std::uint64_t kProgressEvery = 10'000;
constexpr std::size_t kMaxProblems = 100;
constexpr std::uint32_t kRepairsAtOnce = 1000;
constexpr ClockAnchors kAnyClocks{};

std::uint64_t number_of(SessionId session) { return static_cast<std::uint64_t>(session); }

/// What others refer to.
struct Census {
    std::unordered_set<SessionId> sessions;
    std::unordered_set<SessionId> doomed;
    std::unordered_map<std::uint64_t, std::int64_t> references;  // store ids in queues
};

bool session_record_is_good(const SessionKeyParts& key, std::string_view value) {
    switch (key.kind) {
        case SessionKeyKind::Main: {
            SessionRecord record;
            return decode_session(value, record);
        }
        case SessionKeyKind::Subscription: {
            mqtt::SubscriptionOptions options;
            std::uint32_t id = 0;
            return decode_subscription(value, options, id);
        }
        default:
            return decode_mark(value);
    }
}

/// Whether a message can be decoded and is named as its key says.
bool body_is_good(std::string_view body, std::uint64_t store_id) {
    mqtt::MessagePtr message;
    return decode_message(body, kAnyClocks, message) && message->store_id() == store_id;
}

bool queue_record_is_good(std::string_view value, QueueRecord& record) {
    return decode_queue_record(value, record) &&
           (record.store_id != 0 || body_is_good(record.body, 0));
}

bool retained_is_good(std::string_view key, std::string_view value) {
    mqtt::MessagePtr message;
    return decode_message(value, kAnyClocks, message) &&
           retained_key(message->mountpoint(), message->topic()) == key;
}

bool fact_is_good(std::string_view key, std::string_view value) {
    std::string_view fact;
    return key.size() > 1 && decode_fact(value, fact);
}

class Checker final {
public:
    Checker(const Database& database, const std::function<void(std::uint64_t)>& progress)
        : database_(database), progress_(progress), snapshot_(&database.db()) {}

    Result<Engine::CheckReport> run() {
        for (const auto& [family, visit] : {std::pair{Family::Sessions, &Checker::see_session},
                                            std::pair{Family::Queues, &Checker::see_queue_record},
                                            std::pair{Family::Messages, &Checker::see_message},
                                            std::pair{Family::Retained, &Checker::see_retained},
                                            std::pair{Family::Facts, &Checker::see_fact}}) {
            Scan scan(database_, family, {.snapshot = snapshot_.snapshot()});
            for (scan.seek(""); scan.valid(); scan.next()) {
                (this->*visit)(scan.key(), scan.value());
                if (++report_.records % kProgressEvery == 0 && progress_) {
                    progress_(report_.records);
                }
            }
            if (scan.gaps() != 0) {
                problem(fmt::format("{} damaged places in {}", scan.gaps(),
                                    database_.family(family)->GetName()));
            }
            if (const auto status = scan.status(); !status.ok() && !status.IsCorruption()) {
                return storage_error(status, "cannot read the store", database_.directory());
            }
        }
        for (const auto& [store_id, count] : census_.references) {
            problem(
                fmt::format("shared message {} is missing, {} queues hold it", store_id, count));
        }
        if (progress_) progress_(report_.records);
        return std::move(report_);
    }

private:
    void problem(std::string text) {
        if (report_.problems.size() < kMaxProblems) report_.problems.push_back(std::move(text));
    }

    void see_session(std::string_view bytes, std::string_view value) {
        const auto key = parse_session_key(bytes);
        if (!key) return problem("a key in sessions cannot be read");
        if (!session_record_is_good(*key, value)) {
            problem(fmt::format("a record (kind {}) of session {} cannot be decoded",
                                static_cast<int>(key->kind), number_of(key->session)));
        }
        if (key->kind == SessionKeyKind::Main) {
            census_.sessions.insert(key->session);
        } else if (key->kind == SessionKeyKind::Doomed) {
            census_.doomed.insert(key->session);
        } else if (!census_.sessions.contains(key->session)) {
            problem(fmt::format("a record of session {}, which does not exist",
                                number_of(key->session)));
        }
    }

    void see_queue_record(std::string_view bytes, std::string_view value) {
        const auto key = parse_queue_key(bytes);
        if (!key) return problem("a key in queues cannot be read");
        QueueRecord record;
        if (!queue_record_is_good(value, record)) {
            return problem(fmt::format("message {} of session {} cannot be decoded", key->sequence,
                                       number_of(key->session)));
        }
        if (record.store_id != 0) ++census_.references[record.store_id];
        if (!census_.sessions.contains(key->session) && !census_.doomed.contains(key->session)) {
            problem(fmt::format("message {} of session {}, which does not exist", key->sequence,
                                number_of(key->session)));
        }
    }

    void see_message(std::string_view bytes, std::string_view value) {
        const auto store_id = parse_message_key(bytes);
        if (!store_id) return problem("a key in messages cannot be read");
        std::int64_t expected = 0;
        if (const auto found = census_.references.find(*store_id);
            found != census_.references.end()) {
            expected = found->second;
            census_.references.erase(found);
        }
        CountedBody counted;
        if (!decode_counted_body(value, counted)) {
            return problem(fmt::format("shared message {} cannot be decoded", *store_id));
        }
        if (counted.count != expected) {
            problem(fmt::format("shared message {} is counted {} times, {} queues hold it",
                                *store_id, counted.count, expected));
        }
        if (expected != 0 && !body_is_good(counted.body, *store_id)) {
            problem(fmt::format("the body of shared message {} cannot be decoded", *store_id));
        }
    }

    void see_fact(std::string_view key, std::string_view value) {
        if (!fact_is_good(key, value)) problem("a fact of the cluster cannot be decoded");
    }

    void see_retained(std::string_view key, std::string_view value) {
        if (!retained_is_good(key, value)) problem("a retained message cannot be decoded");
    }

    const Database& database_;
    const std::function<void(std::uint64_t)>& progress_;
    rocksdb::ManagedSnapshot snapshot_;
    Census census_;
    Engine::CheckReport report_;
};

class Restorer final {
public:
    explicit Restorer(Database& database) : database_(database) {}

    Result<Restored> run() {
        if (auto done = sessions(); !done) return done.error();
        if (auto done = queues(); !done) return done.error();
        if (auto done = messages(); !done) return done.error();
        if (!census_.references.empty()) {
            if (auto done = drop_lost_messages(); !done) return done.error();
        }
        if (auto done = retained(); !done) return done.error();
        if (auto done = facts(); !done) return done.error();
        return result_;
    }

private:
    template <typename Visit>
    Result<void> each(Family family, const Visit& visit) {
        Scan scan(database_, family);
        for (scan.seek(""); scan.valid(); scan.next()) {
            visit(scan.key(), scan.value());
            if (batch_.Count() < kRepairsAtOnce) continue;
            if (auto written = write(); !written) return written;
        }
        if (const auto status = scan.status(); !status.ok()) {
            return storage_error(status, "cannot read the store", database_.directory());
        }
        return write();
    }

    Result<void> write() {
        if (batch_.Count() == 0) return {};
        auto written = database_.write(batch_, Durability::Os);
        batch_.Clear();
        return written;
    }

    void drop(Family family, std::string_view key) {
        (void)batch_.Delete(database_.family(family), to_slice(key));
    }

    Result<void> sessions() {
        return each(Family::Sessions, [this](std::string_view bytes, std::string_view value) {
            const auto key = parse_session_key(bytes);
            const bool good = key && session_record_is_good(*key, value);
            if (good && key->kind == SessionKeyKind::Main) census_.sessions.insert(key->session);
            if (good && key->kind == SessionKeyKind::Doomed) census_.doomed.insert(key->session);
            const bool belongs = good && (key->kind == SessionKeyKind::Doomed ||
                                          census_.sessions.contains(key->session));
            if (belongs) return;
            ++result_.unreadable;
            drop(Family::Sessions, bytes);
        });
    }

    Result<void> queues() {
        return each(Family::Queues, [this](std::string_view bytes, std::string_view value) {
            const auto key = parse_queue_key(bytes);
            QueueRecord record;
            if (!key || !queue_record_is_good(value, record)) {
                ++result_.unreadable;
                drop(Family::Queues, bytes);
                return;
            }
            if (record.store_id != 0) ++census_.references[record.store_id];
            if (census_.sessions.contains(key->session)) return;
            if (!census_.doomed.insert(key->session).second) return;
            ++result_.queues_orphaned;
            std::string mark;
            encode_mark(mark);
            const auto doomed = session_key(key->session, SessionKeyKind::Doomed);
            (void)batch_.Put(database_.family(Family::Sessions), to_slice(doomed.view()), mark);
        });
    }

    Result<void> messages() {
        return each(Family::Messages, [this](std::string_view bytes, std::string_view value) {
            const auto store_id = parse_message_key(bytes);
            CountedBody counted;
            const auto found =
                store_id ? census_.references.find(*store_id) : census_.references.end();
            const bool wanted = found != census_.references.end();
            const bool good = store_id && decode_counted_body(value, counted) &&
                              (counted.body.empty() || body_is_good(counted.body, *store_id));
            if (!good || !wanted || counted.body.empty()) {
                if (!good) ++result_.unreadable;
                drop(Family::Messages, bytes);
                return;
            }
            if (counted.count != found->second) {
                ++result_.recounted;
                std::string right;
                encode_counted_body({found->second, counted.body}, right);
                (void)batch_.Put(database_.family(Family::Messages), to_slice(bytes), right);
            }
            census_.references.erase(found);
        });
    }

    /// References that lead nowhere are what is left in the census.
    Result<void> drop_lost_messages() {
        return each(Family::Queues, [this](std::string_view bytes, std::string_view value) {
            QueueRecord record;
            if (!decode_queue_record(value, record) || record.store_id == 0 ||
                !census_.references.contains(record.store_id)) {
                return;
            }
            ++result_.messages_lost;
            if (const auto key = parse_queue_key(bytes)) ++result_.losers[key->session];
            drop(Family::Queues, bytes);
        });
    }

    Result<void> facts() {
        return each(Family::Facts, [this](std::string_view key, std::string_view value) {
            if (fact_is_good(key, value)) return;
            ++result_.unreadable;
            drop(Family::Facts, key);
        });
    }

    Result<void> retained() {
        return each(Family::Retained, [this](std::string_view key, std::string_view value) {
            if (retained_is_good(key, value)) return;
            ++result_.unreadable;
            drop(Family::Retained, key);
        });
    }

    Database& database_;
    Census census_;
    Restored result_;
    rocksdb::WriteBatch batch_;
};

}  // namespace

Result<Engine::CheckReport> check_store(const Database& database,
                                        const std::function<void(std::uint64_t)>& progress) {
    return Checker(database, progress).run();
}

Result<Restored> restore_consistency(Database& database) { return Restorer(database).run(); }

}  // namespace vmq::store
