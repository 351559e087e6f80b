// Any bytes as any record: either refused, or encoded again they give a record that decodes the
// same.
#include "store/record_codec.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "store/counted_body.h"
#include "store/keys.h"
#include "store/random_records.h"

namespace vmq::store {
namespace {

constexpr ClockAnchors kClocks{TimePoint{Millis{5'000'000}}, 1'700'000'000'000};

void check_message(std::string_view bytes) {
    mqtt::MessagePtr message;
    if (!decode_message(bytes, kClocks, message)) return;
    std::string again;
    encode_message(*message, kClocks, again);
    mqtt::MessagePtr back;
    VMQ_ASSERT(decode_message(again, kClocks, back));
    VMQ_ASSERT(test::same(*message, *back));
}

void check_session(std::string_view bytes) {
    SessionRecord record;
    if (!decode_session(bytes, record)) return;
    std::string again;
    encode_session(record, again);
    SessionRecord back;
    VMQ_ASSERT(decode_session(again, back));
    VMQ_ASSERT(test::same(record, back));
}

void check_subscription(std::string_view bytes) {
    mqtt::SubscriptionOptions options;
    std::uint32_t id = 0;
    if (!decode_subscription(bytes, options, id)) return;
    std::string again;
    encode_subscription(options, id, again);
    mqtt::SubscriptionOptions options_back;
    std::uint32_t id_back = 0;
    VMQ_ASSERT(decode_subscription(again, options_back, id_back));
    VMQ_ASSERT(options_back == options && id_back == id);
}

void check_queue_record(std::string_view bytes) {
    QueueRecord record;
    if (!decode_queue_record(bytes, record)) return;
    VMQ_ASSERT(record.store_id != 0 || !record.body.empty());
    if (record.store_id == 0) check_message(record.body);
}

void check_counted_body(std::string_view bytes) {
    CountedBody value;
    if (!decode_counted_body(bytes, value)) return;
    std::string again;
    encode_counted_body(value, again);
    CountedBody back;
    VMQ_ASSERT(decode_counted_body(again, back));
    VMQ_ASSERT(back.count == value.count && back.body == value.body);
}

void check_keys(std::string_view bytes) {
    if (const auto key = parse_queue_key(bytes)) {
        VMQ_ASSERT(queue_key(key->session, key->sequence).view() == bytes);
    }
    if (const auto key = parse_session_key(bytes);
        key && key->kind == SessionKeyKind::Subscription) {
        VMQ_ASSERT(subscription_key(key->session, key->filter) == bytes);
    }
}

}  // namespace
}  // namespace vmq::store

// Input := kind, record.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::store;
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 6) {
        case 0:
            check_message(bytes);
            break;
        case 1:
            check_session(bytes);
            break;
        case 2:
            check_subscription(bytes);
            break;
        case 3:
            check_queue_record(bytes);
            break;
        case 4:
            check_counted_body(bytes);
            break;
        default:
            check_keys(bytes);
            break;
    }
    return 0;
}
