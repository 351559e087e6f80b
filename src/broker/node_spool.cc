#include "broker/node_spool.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace vmq::broker {

namespace {

/// What a message of an earlier process counts for until it is read.
constexpr std::size_t kBytesUnread = 1024;

}  // namespace

NodeSpool::~NodeSpool() { uncount_bytes(bytes_); }

void NodeSpool::count_bytes(std::size_t bytes) noexcept {
    bytes_ += bytes;
    if (size_) size_->bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void NodeSpool::uncount_bytes(std::size_t bytes) noexcept {
    bytes = std::min(bytes, bytes_);
    bytes_ -= bytes;
    if (size_) size_->bytes.fetch_sub(bytes, std::memory_order_relaxed);
}

void NodeSpool::adopt(store::SessionId session, const store::QueueBounds& queue) {
    VMQ_ASSERT(!open());
    adopted_.push_back({session, 1, 0});
    segments_.push_back({session, queue.first, queue.last, queue.count});
    behind_ += queue.count;
    records_ += queue.count;
    count_bytes(queue.count * kBytesUnread);
}

SpoolRecord NodeSpool::put(PendingWrites& writes, const mqtt::MessagePtr& message,
                           const std::string* group, std::uint8_t hops, PendingWrites::Ack ack,
                           TimePoint now) {
    VMQ_ASSERT(open());
    const SpoolRecord record{session_, ++last_sequence_, message->store_id(), message->footprint()};
    std::unique_ptr<const std::string> shared_filter;
    if (group != nullptr) shared_filter = std::make_unique<const std::string>(*group);
    (void)writes.add(store::PutMessage{session_, record.sequence, message, std::move(shared_filter),
                                       hops, message->qos(), message->retain()},
                     false, ack, now);
    ++records_;
    count_bytes(record.bytes);
    return record;
}

void NodeSpool::leave_behind(const SpoolRecord& record) {
    ++behind_;
    if (!segments_.empty()) {
        Segment& last = segments_.back();
        // The one that is being read has its end in the question.
        const bool asked = loading_ && segments_.size() == 1;
        if (!asked && last.session == record.session && last.to + 1 == record.sequence) {
            last.to = record.sequence;
            ++last.count;
            return;
        }
    }
    segments_.push_back({record.session, record.sequence, record.sequence, 1});
    if (Adopted* adopted = find_adopted(record.session)) {  // the node could not take it
        ++adopted->unread;
        --adopted->under_way;
    }
}

NodeSpool::Adopted* NodeSpool::find_adopted(store::SessionId session) noexcept {
    const auto at = std::find_if(adopted_.begin(), adopted_.end(), [session](const Adopted& each) {
        return each.session == session;
    });
    return at == adopted_.end() ? nullptr : &*at;
}

void NodeSpool::end_if_empty(PendingWrites& writes, store::SessionId session, TimePoint now) {
    const Adopted* adopted = find_adopted(session);
    if (adopted == nullptr || adopted->unread > 0 || adopted->under_way > 0) return;
    (void)writes.add(store::DeleteSession{session}, true, 0, now);
    std::erase_if(adopted_, [session](const Adopted& each) { return each.session == session; });
}

void NodeSpool::remove(PendingWrites& writes, const SpoolRecord& record, TimePoint now) {
    (void)writes.add(store::DeleteMessage{record.session, record.sequence, record.store_id}, true,
                     0, now);
    if (records_ > 0) --records_;
    uncount_bytes(records_ > 0 ? record.bytes : bytes_);
    Adopted* adopted = find_adopted(record.session);
    if (adopted == nullptr) return;
    --adopted->under_way;
    end_if_empty(writes, record.session, now);
}

void NodeSpool::remove_all(PendingWrites& writes, TimePoint now) {
    for (const Adopted& each : std::exchange(adopted_, {})) {
        (void)writes.add(store::DeleteSession{each.session}, true, 0, now);
    }
    if (open()) (void)writes.add(store::DeleteSession{std::exchange(session_, {})}, true, 0, now);
    segments_.clear();
    behind_ = 0;
    records_ = 0;
    uncount_bytes(bytes_);
}

std::optional<store::LoadRequest> NodeSpool::wants_load(TimePoint now, std::size_t room) {
    if (loading_ || segments_.empty() || now < paused_until_) return std::nullopt;
    loading_ = true;
    store::LoadRequest request;
    request.session = segments_.front().session;
    request.from = segments_.front().from;
    request.to = segments_.front().to;
    request.max_count = kLoadedAtOnce;
    request.max_bytes = std::min(kBytesLoadedAtOnce, room);
    return request;
}

NodeSpool::Loaded NodeSpool::on_loaded(PendingWrites& writes,
                                       const std::vector<store::StoredMessage>& messages,
                                       TimePoint now) {
    Loaded loaded;
    if (!std::exchange(loading_, false) || segments_.empty()) return loaded;  // remove_all()
    Segment& segment = segments_.front();
    Adopted* adopted = find_adopted(segment.session);
    for (const store::StoredMessage& each : messages) {
        const std::size_t bytes = each.message->footprint();
        if (adopted != nullptr) {
            uncount_bytes(kBytesUnread);
            count_bytes(bytes);
            ++adopted->under_way;
        }
        loaded.records.push_back({segment.session, each.sequence, each.message->store_id(), bytes});
        if (segment.count > 0) {
            --segment.count;
            --behind_;
        } else {
            ++records_;  // more than was known
        }
        segment.from = each.sequence + 1;
    }
    if (!messages.empty() && segment.from <= segment.to) return loaded;
    loaded.missing = segment.count;
    behind_ -= segment.count;
    records_ -= std::min(records_, segment.count);
    const store::SessionId session = segment.session;
    segments_.pop_front();
    if (adopted != nullptr) {
        --adopted->unread;
        uncount_bytes(loaded.missing * kBytesUnread);
        end_if_empty(writes, session, now);
    }
    return loaded;
}

}  // namespace vmq::broker
