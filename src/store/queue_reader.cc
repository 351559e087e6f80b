#include "store/queue_reader.h"

#include <array>
#include <string>
#include <utility>

#include "base/log.h"
#include "store/counted_body.h"
#include "store/keys.h"
#include "store/session_scan.h"

namespace vmq::store {
namespace {

constexpr std::size_t kCacheBytes = std::size_t{4} << 20U;
constexpr std::size_t kBodiesAtOnce = 64;
constexpr std::size_t kMostTold = 10'000;

}  // namespace

mqtt::MessagePtr MessageCache::find(std::uint64_t store_id) const {
    if (const auto found = young_.find(store_id); found != young_.end()) return found->second;
    if (const auto found = old_.find(store_id); found != old_.end()) return found->second;
    return nullptr;
}

void MessageCache::insert(mqtt::MessagePtr message) {
    if (young_bytes_ + message->footprint() > half_) {
        old_ = std::move(young_);
        young_.clear();
        young_bytes_ = 0;
    }
    young_bytes_ += message->footprint();
    const std::uint64_t id = message->store_id();
    young_.insert_or_assign(id, std::move(message));
}

/// One load: an iterator over the part that was asked for, in the direction that was asked for.
class QueueReader::Run final {
public:
    Run(QueueReader& reader, const LoadRequest& request)
        : reader_(reader),
          request_(request),
          begin_(queue_key(request.session, request.from)),
          end_(std::string(queue_key(request.session, request.to).view()) + '\0'),
          lower_(to_slice(begin_.view())),
          upper_(end_) {
        open();
        seek(request.newest_first ? request.to : request.from);
    }

    Result<std::vector<StoredMessage>> load() {
        // Again if nothing was left of what could be read: an empty answer means an empty queue.
        do {
            while (messages_.size() < request_.max_count && valid()) {
                take_record();
                step();
                if (missing_.size() == kBodiesAtOnce && !fetch_bodies()) break;
                if (is_full()) break;
            }
        } while (fetch_bodies() && messages_.empty() && request_.max_count != 0 && valid());
        if (failure_.ok()) failure_ = iterator_->status();
        if (!failure_.ok()) {
            return storage_error(failure_, "cannot read the store", reader_.database_.directory());
        }
        (void)is_full();
        return std::move(messages_);
    }

private:
    void open() {
        rocksdb::ReadOptions options;
        options.iterate_lower_bound = &lower_;
        options.iterate_upper_bound = &upper_;
        iterator_.reset(
            reader_.database_.db().NewIterator(options, reader_.database_.family(Family::Queues)));
    }

    void seek(std::uint64_t sequence) {
        next_ = sequence;
        const auto key = queue_key(request_.session, sequence);
        if (request_.newest_first) {
            iterator_->SeekForPrev(to_slice(key.view()));
        } else {
            iterator_->Seek(to_slice(key.view()));
        }
    }

    void step() {
        if (request_.newest_first) {
            next_ = sequence_ - 1;
            iterator_->Prev();
        } else {
            next_ = sequence_ + 1;
            iterator_->Next();
        }
    }

    /// Goes on without the damaged blocks, once they have been taken out.
    bool valid() {
        while (!iterator_->Valid() && iterator_->status().IsCorruption() &&
               reader_.database_.mend(Family::Queues, iterator_->status())) {
            open();
            seek(next_);
        }
        return iterator_->Valid();
    }

    void take_record() {
        const auto key = parse_queue_key(to_view(iterator_->key()));
        if (!key) return;
        sequence_ = key->sequence;
        QueueRecord record;
        if (!decode_queue_record(to_view(iterator_->value()), record)) {
            reader_.leave_out(request_.session, sequence_, "its record cannot be decoded");
            return;
        }
        StoredMessage message;
        message.sequence = sequence_;
        message.shared_filter.assign(record.shared_filter);
        message.subscription_id = record.subscription_id;
        message.qos = record.qos;
        message.retain = record.retain;
        if (record.store_id == 0) {
            if (!decode_message(record.body, reader_.clocks_, message.message)) {
                reader_.leave_out(request_.session, sequence_, "it cannot be decoded");
                return;
            }
        } else {
            message.message = reader_.cache_.find(record.store_id);
            if (!message.message) {
                missing_.push_back(messages_.size());
                store_ids_.push_back(record.store_id);
            }
        }
        messages_.push_back(std::move(message));
    }

    bool fetch_bodies() {
        if (missing_.empty()) return failure_.ok();
        failure_ = reader_.fetch(request_, messages_, missing_, store_ids_);
        if (failure_.ok()) {
            std::erase_if(messages_, [](const StoredMessage& each) { return !each.message; });
            // Those that went may have been counted.
            counted_ = 0;
            bytes_ = 0;
        }
        missing_.clear();
        store_ids_.clear();
        return failure_.ok();
    }

    /// Counts the bytes of what is complete, and cuts off what is too much.
    bool is_full() {
        const std::size_t complete = missing_.empty() ? messages_.size() : missing_.front();
        for (; counted_ < complete; ++counted_) {
            const std::size_t size = messages_[counted_].message->footprint();
            if (counted_ != 0 && bytes_ + size > request_.max_bytes) {
                missing_.clear();
                store_ids_.clear();
                messages_.resize(counted_);
                return true;
            }
            bytes_ += size;
        }
        return false;
    }

    QueueReader& reader_;
    const LoadRequest& request_;
    const FixedKey<16> begin_;
    const std::string end_;
    const rocksdb::Slice lower_;
    const rocksdb::Slice upper_;
    std::unique_ptr<rocksdb::Iterator> iterator_;
    std::uint64_t next_ = 0;      // where the iterator was sent
    std::uint64_t sequence_ = 0;  // of the last record
    std::vector<StoredMessage> messages_;
    std::vector<std::size_t> missing_;      // indexes of those without their body yet
    std::vector<std::uint64_t> store_ids_;  // theirs
    std::size_t counted_ = 0;               // messages in bytes_
    std::size_t bytes_ = 0;
    rocksdb::Status failure_;
};

QueueReader::QueueReader(const Database& database, const ClockAnchors& clocks,
                         const DoomedSessions& doomed)
    : database_(database), clocks_(clocks), doomed_(doomed), cache_(kCacheBytes) {}

Result<std::vector<StoredMessage>> QueueReader::load(const LoadRequest& request) {
    if (request.from > request.to || is_doomed(request.session)) {
        return std::vector<StoredMessage>{};
    }
    return Run(*this, request).load();
}

/// Asks the disk, because the set belongs to the writing thread.
bool QueueReader::is_doomed(SessionId session) const {
    if (!doomed_.any()) return false;
    const auto key = session_key(session, SessionKeyKind::Doomed);
    rocksdb::PinnableSlice value;
    return database_.db()
        .Get({}, database_.family(Family::Sessions), to_slice(key.view()), &value)
        .ok();
}

rocksdb::Status QueueReader::fetch(const LoadRequest& request, std::vector<StoredMessage>& messages,
                                   const std::vector<std::size_t>& missing,
                                   const std::vector<std::uint64_t>& store_ids) {
    const std::size_t count = missing.size();
    std::array<FixedKey<8>, kBodiesAtOnce> key_bytes;
    std::array<rocksdb::Slice, kBodiesAtOnce> keys;
    std::array<rocksdb::PinnableSlice, kBodiesAtOnce> values;
    std::array<rocksdb::Status, kBodiesAtOnce> statuses;
    for (std::size_t i = 0; i < count; ++i) {
        key_bytes[i] = message_key(store_ids[i]);
        keys[i] = to_slice(key_bytes[i].view());
    }
    database_.db().MultiGet({}, database_.family(Family::Messages), count, keys.data(),
                            values.data(), statuses.data());
    for (std::size_t i = 0; i < count; ++i) {
        StoredMessage& message = messages[missing[i]];
        while (statuses[i].IsCorruption() && database_.mend(Family::Messages, statuses[i])) {
            values[i].Reset();
            statuses[i] =
                database_.db().Get({}, database_.family(Family::Messages), keys[i], &values[i]);
        }
        CountedBody value;
        if (statuses[i].ok() && decode_counted_body(to_view(values[i]), value) &&
            decode_message(value.body, clocks_, message.message)) {
            cache_.insert(message.message);
            continue;
        }
        if (!statuses[i].ok() && !statuses[i].IsNotFound()) return statuses[i];
        // Whoever deleted the record while it was read here let go of the body, too.
        const auto key = queue_key(request.session, message.sequence);
        rocksdb::PinnableSlice record;
        const auto still =
            database_.db().Get({}, database_.family(Family::Queues), to_slice(key.view()), &record);
        if (!still.IsNotFound()) {
            leave_out(request.session, message.sequence, "its shared body is not there");
        }
    }
    return rocksdb::Status::OK();
}

void QueueReader::leave_out(SessionId session, std::uint64_t sequence, const char* why) {
    if (told_.size() >= kMostTold) told_.clear();
    if (!told_.emplace(session, sequence).second) return;
    unreadable_.fetch_add(1, std::memory_order_relaxed);
    log::error("message {} for {} is lost: {}", sequence, session_name(database_, session), why);
}

}  // namespace vmq::store
