// Frames of the replicated state, and the records in which it is stored. docs/protocol/cluster.md
// describes the frames.
//
//   facts  := stream:u64 number:varint flags:u8 item* [claims]
//   item   := 00 writer time:varint                    what follows is of this writer
//           | form:u8 later:varint key:string value    a fact, `later` than the time before it
//           | 40 later:varint                          one that the receiver has: only its time
//   form   := kind 1 to 15, | 10 deleted
//   value  := value:string, or message for kind 2; nothing if deleted
//   message:= flags:u8 [properties:string] [expires:varint] publisher:u64 payload:string
//   writer := 0 name:string incarnation | index:varint of one named in this frame, from 1
//   claims := 41 count:varint (writer complete:varint dropped:varint) * count
//   vector := flags:u8 [stream:u64 number:varint] [stopped:u64] count:varint
//             (name:string incarnation complete:varint dropped:varint) * count
//   ack    := stream:u64 number:varint
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/fact.h"
#include "cluster/frame_codec.h"
#include "cluster/node_identity.h"
#include "cluster/positions.h"
#include "cluster/stamp.h"
#include "cluster/wire.h"
#include "cluster/writer_table.h"

namespace vmq::cluster {

// Used on the thread of the FactMap. Readers trust nothing; strings they give point into the bytes.

/// A writer as it stands in a frame.
struct WriterView {
    std::string_view name;
    Incarnation incarnation;
};

/// What a Facts frame begins with.
struct FactsHeader {
    std::uint64_t stream = 0;
    std::uint64_t number = 0;  // of the frame in its stream, from 1
    bool catch_up = false;     // the receiver was behind the sender's horizon
    bool complete = false;     // with this frame the receiver has everything; claims follow
};

/// Writes one Facts frame behind what `out` holds. Lives as long as that takes; the writers outlive
/// it.
class FactsWriter final {
public:
    FactsWriter(const WriterTable& writers, std::uint64_t stream, std::uint64_t number,
                bool catch_up, Moment now, std::string& out);

    void fact(const Fact& fact);
    /// One that the receiver has.
    void known(const Stamp& stamp);
    /// The last thing. `full`: all of both; otherwise only where `complete` is beyond `but`.
    void claims(const Positions& complete, const Positions& dropped, const Positions& but,
                bool full);
    void finish() { frame_.finish(); }
    void cancel() { frame_.cancel(); }

    /// Of the frame, and of what stands behind its header.
    [[nodiscard]] std::size_t bytes() const noexcept { return frame_.length(); }
    [[nodiscard]] std::size_t item_bytes() const noexcept { return out_.size() - flags_at_ - 1; }

private:
    void begin(const Stamp& stamp);
    void writer(WriterNumber writer);
    void time(const Stamp& stamp);

    const WriterTable& writers_;
    const Moment now_;
    std::string& out_;
    FrameWriter frame_;
    std::size_t flags_at_;
    std::vector<WriterNumber> named_;
    Stamp last_{};
    bool any_ = false;
};

/// Reads the body of one Facts frame, item by item. Allocates only for the table of writers.
class FactsReader final {
public:
    struct Limits {
        std::size_t longest_key = 128UL * 1024;
        std::size_t longest_value = 256UL * 1024 * 1024;
    };
    /// `body` has to stay as long as what was read is used.
    FactsReader(std::string_view body, Moment now, Limits limits);

    /// Requires that ok().
    [[nodiscard]] const FactsHeader& header() const noexcept { return header_; }
    [[nodiscard]] bool ok() const noexcept { return ok_; }

    enum class Item : std::uint8_t { Fact, Known, Claim, End, Malformed };
    /// The next item. Malformed: this is no such frame, and there is nothing behind it.
    [[nodiscard]] Item next();

    // Of the last item

    /// An index into writers(), which may have grown.
    [[nodiscard]] std::size_t writer() const noexcept { return writer_; }
    [[nodiscard]] const std::vector<WriterView>& writers() const noexcept { return writers_; }
    [[nodiscard]] HybridTime time() const noexcept { return time_; }
    /// Of Fact; its stamp has the time, but no writer yet.
    [[nodiscard]] FactParts& fact() noexcept { return fact_; }
    /// Of Claim.
    [[nodiscard]] HybridTime complete() const noexcept { return complete_; }
    [[nodiscard]] HybridTime dropped() const noexcept { return dropped_; }

private:
    [[nodiscard]] bool read_header();
    [[nodiscard]] Item next_item();
    [[nodiscard]] bool read_writer();
    [[nodiscard]] bool read_later();
    [[nodiscard]] bool read_fact(std::uint8_t form);
    [[nodiscard]] bool read_claim();

    ByteReader reader_;
    const Moment now_;
    const Limits limits_;
    FactsHeader header_;
    std::vector<WriterView> writers_;
    std::size_t writer_ = 0;
    bool has_writer_ = false;
    HybridTime time_;
    FactParts fact_;
    HybridTime complete_;
    HybridTime dropped_;
    std::size_t claims_left_ = 0;
    bool claims_begun_ = false;
    bool ok_ = false;
};

/// What a node tells another of its positions.
struct FactVector {
    struct Entry {
        std::string_view name;
        Incarnation incarnation;
        HybridTime complete;
        HybridTime dropped;
    };
    bool full = false;     // who is not named is at zero; otherwise nothing is said about him
    bool request = false;  // send me what I lack, as this stream, behind this number
    std::uint64_t stream = 0;
    std::uint64_t number = 0;
    /// This stream ends here without having come to an end: ask anew. 0: none.
    std::uint64_t stopped = 0;
    std::vector<Entry> entries;
};
/// Of `header` all but the entries; these are the writers of which `complete` is beyond `but`.
void append_fact_vector(const FactVector& header, const WriterTable& writers,
                        const Positions& complete, const Positions& dropped, const Positions& but,
                        std::string& out);
[[nodiscard]] bool decode_fact_vector(std::string_view body, FactVector& vector);

struct FactAck {
    std::uint64_t stream = 0;
    std::uint64_t number = 0;  // all frames up to this one are stored
};
void append_fact_ack(const FactAck& ack, std::string& out);
[[nodiscard]] bool decode_fact_ack(std::string_view body, FactAck& ack) noexcept;

// Records

/// Tells messages apart that are retained on one topic, one after the other.
[[nodiscard]] std::uint64_t message_digest(const mqtt::Message& message) noexcept;

/// A fact as it is stored: with the name of its writer. A message is kept in another place, with
/// the retained ones; here is only its digest.
void append_fact_record(const Fact& fact, const WriterTable& writers, std::string& out);
struct FactRecord {
    WriterView writer;
    FactParts fact;            // the stamp has the time, but no writer yet; a message is null
    std::uint64_t digest = 0;  // of the message
};
[[nodiscard]] bool decode_fact_record(std::string_view bytes, FactRecord& record);

/// All positions, as a record of their own: a FactVector's entries, and FactMap::last_own().
void append_positions_record(const WriterTable& writers, const Positions& complete,
                             const Positions& dropped, HybridTime last_own, std::string& out);
struct PositionsRecord {
    std::vector<FactVector::Entry> entries;
    HybridTime last_own;
};
[[nodiscard]] bool decode_positions_record(std::string_view bytes, PositionsRecord& record);

}  // namespace vmq::cluster
