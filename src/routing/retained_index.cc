#include "routing/retained_index.h"

#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "base/assert.h"
#include "base/sharded_mutex.h"
#include "routing/topic_order.h"

namespace vmq::routing {
namespace {

// What one call of match() looks at, so that a shard never stays long in a large index.
constexpr std::size_t kVisitsPerCall = 4096;

struct Retained;
using Expiries = std::multimap<TimePoint, const Retained*>;

struct Retained {
    // Replaced in place, always by one with the same topic: the order of the set does not change.
    mutable mqtt::MessagePtr message;
    mutable Expiries::iterator expiry;  // set if the message expires
};

struct InOrder {
    using is_transparent = void;
    bool operator()(const Retained& a, const Retained& b) const noexcept {
        return compare_topics(a.message->topic(), b.message->topic()) < 0;
    }
    bool operator()(const Retained& a, std::string_view b) const noexcept {
        return compare_topics(a.message->topic(), b) < 0;
    }
    bool operator()(std::string_view a, const Retained& b) const noexcept {
        return compare_topics(a, b.message->topic()) < 0;
    }
    bool operator()(const Retained& a, const TopicPlace& b) const noexcept {
        return comes_before(a.message->topic(), b);
    }
};

using Topics = std::set<Retained, InOrder>;
using Cursor = RetainedIndex::Cursor;

Topics::const_iterator start(const Topics& topics, std::string_view filter, const Cursor& cursor) {
    if (cursor.started) return topics.upper_bound(std::string_view(cursor.last_topic));
    return topics.lower_bound(literal_prefix(filter));
}

Topics::const_iterator seek(const Topics& topics, const FilterStep& step, std::string& scratch) {
    scratch.assign(step.prefix);
    if (step.append) scratch += '/';
    scratch += step.word;
    return topics.lower_bound(TopicPlace{scratch, step.behind_subtree});
}

}  // namespace

struct RetainedIndex::Impl {
    Impl(std::uint32_t readers, std::size_t most) : mutex(readers), limit(most) {}

    void note_expiry(const Retained& retained) {
        const TimePoint at = retained.message->expires_at();
        if (at != kNever) retained.expiry = expiries.emplace(at, &retained);
    }
    void forget_expiry(const Retained& retained) {
        if (retained.message->expires_at() != kNever) expiries.erase(retained.expiry);
    }
    /// Returns the message so that it is freed after the lock.
    mqtt::MessagePtr remove(std::map<std::string, Topics, std::less<>>::iterator mountpoint,
                            Topics::iterator at);

    /// What is retained in a mountpoint; null if nothing is, and then `cursor` is done.
    [[nodiscard]] const Topics* topics_of(std::string_view mountpoint, Cursor& cursor) const {
        const auto found = mountpoints.find(mountpoint);
        cursor.done = found == mountpoints.end();
        return cursor.done ? nullptr : &found->second;
    }

    ShardedMutex mutex;
    const std::size_t limit;
    std::map<std::string, Topics, std::less<>> mountpoints;
    Expiries expiries;
    std::atomic<std::uint64_t> changes{0};
    std::atomic<std::size_t> size{0};
    std::atomic<std::size_t> bytes{0};
};

mqtt::MessagePtr RetainedIndex::Impl::remove(
    std::map<std::string, Topics, std::less<>>::iterator mountpoint, Topics::iterator at) {
    forget_expiry(*at);
    mqtt::MessagePtr message = at->message;
    --size;
    bytes -= message->footprint();
    mountpoint->second.erase(at);
    if (mountpoint->second.empty()) mountpoints.erase(mountpoint);
    return message;
}

RetainedIndex::RetainedIndex(std::uint32_t readers, std::size_t limit)
    : impl_(std::make_unique<Impl>(readers, limit)) {}

RetainedIndex::~RetainedIndex() = default;

RetainedIndex::Stored RetainedIndex::set(mqtt::MessagePtr message, std::uint64_t* stamp) {
    mqtt::MessagePtr replaced;  // freed after the lock
    const ShardedMutex::Exclusive lock(impl_->mutex);
    if (stamp != nullptr) *stamp = ++impl_->changes;
    const std::size_t footprint = message->footprint();
    auto mountpoint = impl_->mountpoints.find(message->mountpoint());
    if (mountpoint != impl_->mountpoints.end()) {
        const auto at = mountpoint->second.find(message->topic());
        if (at != mountpoint->second.end()) {
            impl_->forget_expiry(*at);
            replaced = std::exchange(at->message, std::move(message));
            impl_->note_expiry(*at);
            impl_->bytes += footprint;
            impl_->bytes -= replaced->footprint();
            return Stored::Replaced;
        }
    }
    if (impl_->limit != 0 && impl_->size.load() >= impl_->limit) return Stored::LimitReached;
    if (mountpoint == impl_->mountpoints.end()) {
        mountpoint = impl_->mountpoints.try_emplace(std::string(message->mountpoint())).first;
    }
    impl_->note_expiry(*mountpoint->second.insert(Retained{std::move(message), {}}).first);
    ++impl_->size;
    impl_->bytes += footprint;
    return Stored::New;
}

bool RetainedIndex::erase(std::string_view mountpoint, std::string_view topic,
                          std::uint64_t* stamp) {
    mqtt::MessagePtr removed;  // freed after the lock
    const ShardedMutex::Exclusive lock(impl_->mutex);
    if (stamp != nullptr) *stamp = ++impl_->changes;
    const auto topics = impl_->mountpoints.find(mountpoint);
    if (topics == impl_->mountpoints.end()) return false;
    const auto at = topics->second.find(topic);
    if (at == topics->second.end()) return false;
    removed = impl_->remove(topics, at);
    return true;
}

std::uint64_t RetainedIndex::take_stamp() noexcept { return ++impl_->changes; }

void RetainedIndex::match(ShardId reader, std::string_view mountpoint, std::string_view filter,
                          TimePoint now, std::size_t limit, Cursor& cursor,
                          std::vector<mqtt::MessagePtr>& out) const {
    if (cursor.done) return;
    const auto lock = impl_->mutex.shared(reader);
    const Topics* of = impl_->topics_of(mountpoint, cursor);
    if (of == nullptr) return;
    const Topics& topics = *of;
    std::string scratch;
    std::size_t matched = 0;
    auto at = start(topics, filter, cursor);
    auto last = topics.end();
    for (std::size_t visits = 0; visits < kVisitsPerCall && matched < limit; ++visits) {
        if (at == topics.end()) {
            cursor.done = true;
            return;
        }
        const mqtt::MessagePtr& message = at->message;
        const FilterStep next = step(filter, message->topic());
        if (next.verdict == FilterStep::Verdict::Finished) {
            cursor.done = true;
            return;
        }
        last = at;
        if (next.verdict == FilterStep::Verdict::Seek) {
            at = seek(topics, next, scratch);
            continue;
        }
        if (!message->expired(now)) {
            out.push_back(message);
            ++matched;
        }
        ++at;
    }
    if (last == topics.end()) return;
    cursor.started = true;
    cursor.last_topic = last->message->topic();
}

mqtt::MessagePtr RetainedIndex::find(ShardId reader, std::string_view mountpoint,
                                     std::string_view topic) const {
    const auto lock = impl_->mutex.shared(reader);
    const auto topics = impl_->mountpoints.find(mountpoint);
    if (topics == impl_->mountpoints.end()) return nullptr;
    const auto at = topics->second.find(topic);
    return at == topics->second.end() ? nullptr : at->message;
}

void RetainedIndex::list(ShardId reader, std::string_view mountpoint, TimePoint now,
                         std::size_t limit, Cursor& cursor,
                         std::vector<mqtt::MessagePtr>& out) const {
    if (cursor.done) return;
    const auto lock = impl_->mutex.shared(reader);
    const Topics* of = impl_->topics_of(mountpoint, cursor);
    if (of == nullptr) return;
    const Topics& topics = *of;
    auto at =
        cursor.started ? topics.upper_bound(std::string_view(cursor.last_topic)) : topics.begin();
    for (std::size_t visits = 0; visits < limit && at != topics.end(); ++visits, ++at) {
        if (!at->message->expired(now)) out.push_back(at->message);
        cursor.started = true;
        cursor.last_topic = at->message->topic();
    }
    cursor.done = at == topics.end();
}

std::vector<std::string> RetainedIndex::mountpoints(ShardId reader, std::size_t limit,
                                                    const std::string* after) const {
    std::vector<std::string> names;
    const auto lock = impl_->mutex.shared(reader);
    auto at =
        after == nullptr ? impl_->mountpoints.begin() : impl_->mountpoints.upper_bound(*after);
    for (; at != impl_->mountpoints.end() && names.size() < limit; ++at) names.push_back(at->first);
    return names;
}

std::size_t RetainedIndex::sweep(TimePoint now, std::size_t budget) {
    std::vector<mqtt::MessagePtr> removed;  // freed after the lock
    const ShardedMutex::Exclusive lock(impl_->mutex);
    while (removed.size() < budget && !impl_->expiries.empty()) {
        const auto first = impl_->expiries.begin();
        if (first->first > now) break;
        const mqtt::MessagePtr& message = first->second->message;
        const auto topics = impl_->mountpoints.find(message->mountpoint());
        VMQ_ASSERT(topics != impl_->mountpoints.end());
        const auto at = topics->second.find(message->topic());
        VMQ_ASSERT(at != topics->second.end());
        removed.push_back(impl_->remove(topics, at));
    }
    return removed.size();
}

std::size_t RetainedIndex::size() const noexcept { return impl_->size.load(); }

std::size_t RetainedIndex::bytes() const noexcept { return impl_->bytes.load(); }

}  // namespace vmq::routing
