// Any bytes as frames, records and requests of the replicated state: either refused, or what was
// read and written again reads the same. And any frames into a node, which must not mind.
#include "cluster/fact_codec.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "cluster/membership.h"
#include "cluster/replication.h"

namespace vmq::cluster {
namespace {

constexpr std::uint32_t kLongestFrame = 64U << 20U;
const Moment kNow{TimePoint{Millis{5'000'000}}, 1'700'000'000'000};

std::string_view body_of(std::string_view frame) { return frame.substr(kFrameOverhead); }

/// Everything that a frame of facts says, in a form that can be compared.
std::string described(std::string_view body) {
    using Item = FactsReader::Item;
    FactsReader reader(body, kNow, {});
    std::string text;
    ByteWriter to(text);
    if (!reader.ok()) return {};
    to.varint(reader.header().stream);
    for (;;) {
        const Item item = reader.next();
        if (item == Item::Malformed) return {};
        to.u8(static_cast<std::uint8_t>(item));
        if (item == Item::End) return text;
        VMQ_ASSERT(reader.writer() < reader.writers().size());
        to.string(reader.writers()[reader.writer()].name);
        if (item == Item::Claim) {
            VMQ_ASSERT(reader.dropped() <= reader.complete());
            to.varint(reader.complete().value);
            to.varint(reader.dropped().value);
            continue;
        }
        VMQ_ASSERT(reader.time() <= kLatestTime);
        to.varint(reader.time().value);
        if (item == Item::Known) continue;
        const FactParts& fact = reader.fact();
        to.u8(static_cast<std::uint8_t>(fact.kind));
        to.flag(fact.deleted);
        to.string(fact.key);
        to.string(fact.message ? fact.message->payload() : fact.value);
    }
}

void check_facts(std::string_view bytes) {
    using Item = FactsReader::Item;
    const std::string before = described(bytes);
    if (before.empty()) return;
    FactsReader reader(bytes, kNow, {});
    FactMap map({"own@h", {}});
    std::string frame;
    FactsWriter writer(map.writers(), reader.header().stream, reader.header().number,
                       reader.header().catch_up, kNow, frame);
    Positions complete;
    Positions dropped;
    for (Item item = reader.next(); item != Item::End; item = reader.next()) {
        const WriterView& name = reader.writers()[reader.writer()];
        const auto number = map.writers().intern(name.name, name.incarnation);
        if (!number) return;
        if (item == Item::Known) writer.known({reader.time(), *number});
        if (item == Item::Claim) {
            // Said twice, or of nobody: not as this program writes it.
            if (complete[*number] != HybridTime{} || reader.complete() == HybridTime{}) return;
            complete.set(*number, reader.complete());
            dropped.set(*number, reader.dropped());
        }
        if (item != Item::Fact) continue;
        FactParts fact = reader.fact();
        fact.stamp.writer = *number;
        FactMap one({"own@h", {}});
        (void)one.writers().intern(name.name, name.incarnation);
        fact.stamp.writer = *one.writers().find(name.name, name.incarnation);
        (void)one.merge(fact, {}, kNow);
        const Fact* stored = one.find_even_deleted(fact.kind, fact.key);
        VMQ_ASSERT(stored != nullptr);
        std::string record;
        append_fact_record(*stored, one.writers(), record);
        FactRecord back;
        VMQ_ASSERT(decode_fact_record(record, back));
        VMQ_ASSERT(back.fact.key == fact.key && back.fact.deleted == fact.deleted &&
                   back.fact.value == fact.value);
    }
    if (reader.header().complete) writer.claims(complete, dropped, {}, true);
    writer.finish();
    FactsReader again(body_of(frame), kNow, {});
    VMQ_ASSERT(again.ok());
    Item item = again.next();
    while (item != Item::End) {
        VMQ_ASSERT(item != Item::Malformed);
        item = again.next();
    }
}

void check_vector(std::string_view bytes) {
    FactVector vector;
    if (!decode_fact_vector(bytes, vector)) return;
    WriterTable writers;
    Positions complete;
    Positions dropped;
    for (const FactVector::Entry& entry : vector.entries) {
        const auto number = writers.intern(entry.name, entry.incarnation);
        if (!number || complete[*number] != HybridTime{} || entry.complete == HybridTime{}) return;
        complete.set(*number, entry.complete);
        dropped.set(*number, entry.dropped);
    }
    std::string frame;
    append_fact_vector(vector, writers, complete, dropped, {}, frame);
    FactVector back;
    VMQ_ASSERT(decode_fact_vector(body_of(frame), back));
    VMQ_ASSERT(back.entries.size() == vector.entries.size() && back.full == vector.full &&
               back.stream == vector.stream);
}

void check_record(std::string_view bytes) {
    FactRecord record;
    if (!decode_fact_record(bytes, record)) return;
    FactMap map({"own@h", {}});
    const bool is_message = record.fact.kind == FactKind::Retained && !record.fact.deleted;
    if (is_message) record.fact.message = mqtt::Message::make({.topic = "t", .payload = "x"});
    const auto number = map.writers().intern(record.writer.name, record.writer.incarnation);
    record.fact.stamp.writer = *number;
    VMQ_ASSERT(map.restore(record.fact));
    std::string again;
    append_fact_record(*map.find(record.fact.stamp), map.writers(), again);
    FactRecord back;
    VMQ_ASSERT(decode_fact_record(again, back));
    VMQ_ASSERT(back.fact.key == record.fact.key && back.fact.value == record.fact.value);
}

void check_join(std::string_view bytes) {
    JoinRequest request;
    if (decode_join_request(bytes, request)) {
        std::string frame;
        append_join_request(request, frame);
        JoinRequest back;
        VMQ_ASSERT(decode_join_request(body_of(frame), back));
        VMQ_ASSERT(back.member == request.member);
        FactMap map({"own@h", {}});
        Membership membership(map);
        (void)membership.admit(request, false, kNow);
    }
    JoinAnswer answer;
    if (!decode_join_answer(bytes, answer)) return;
    std::string frame;
    append_join_answer(answer, frame);
    JoinAnswer back;
    VMQ_ASSERT(decode_join_answer(body_of(frame), back));
    if (const auto* welcome = std::get_if<JoinWelcome>(&answer)) {
        FactMap map({"own@h", {}});
        Membership membership(map);
        (void)membership.on_welcome(*welcome, kNow);
    }
}

/// Frames of a peer, each behind a byte for its type and one for its length.
void check_node(std::string_view bytes) {
    const Writer peer{"peer@h", {}};
    FactMap map({"own@h", {}});
    Membership membership(map);
    VMQ_ASSERT(membership.announce({}, kNow));
    Replication replication(map, membership, {});
    VMQ_ASSERT(map.put(FactKind::Setting, "k", "v", kNow));
    VMQ_ASSERT(replication.on_link_up(peer, kLongestFrame));
    constexpr FrameType kTypes[] = {FrameType::Facts, FrameType::FactVector, FrameType::FactAck};
    Moment now = kNow;
    while (bytes.size() > 2) {
        const auto type = kTypes[static_cast<std::uint8_t>(bytes[0]) % 3];
        const std::size_t size =
            std::min<std::size_t>(static_cast<std::uint8_t>(bytes[1]), bytes.size() - 2);
        if (!replication.receive(peer, {type, bytes.substr(2, size)}, now)) break;
        bytes.remove_prefix(2 + size);
        now.steady += Millis(500);
        now.wall += 500;
        (void)replication.turn(now);
    }
}

}  // namespace
}  // namespace vmq::cluster

// Input := kind, bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::cluster;
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 5) {
        case 0:
            check_facts(bytes);
            break;
        case 1:
            check_vector(bytes);
            break;
        case 2:
            check_record(bytes);
            break;
        case 3:
            check_join(bytes);
            break;
        default:
            check_node(bytes);
            break;
    }
    return 0;
}
