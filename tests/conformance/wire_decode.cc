#include <fmt/format.h>

#include <algorithm>

#include "conformance/wire.h"
#include "conformance/wire_tables.h"

namespace vmq::conformance {
namespace {

/// Reads the body of one packet; after a failure everything it returns is empty or 0.
class Reader final {
public:
    explicit Reader(std::string_view bytes) : left_(bytes) {}

    [[nodiscard]] bool done() const noexcept { return left_.empty(); }
    [[nodiscard]] bool failed() const noexcept { return failed_; }
    std::string_view take(std::size_t count) {
        if (left_.size() < count) {
            failed_ = true;
            left_ = {};
            return {};
        }
        const auto taken = left_.substr(0, count);
        left_.remove_prefix(count);
        return taken;
    }
    std::uint64_t number(std::size_t bytes) {
        std::uint64_t value = 0;
        for (const char c : take(bytes)) value = value << 8U | static_cast<std::uint8_t>(c);
        return value;
    }
    std::uint64_t variable() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 28; shift += 7) {
            const std::uint64_t next = number(1);
            value |= (next & 0x7FU) << shift;
            if (next < 0x80) return value;
        }
        failed_ = true;
        return 0;
    }
    std::string_view string() { return take(number(2)); }
    std::string_view rest() { return take(left_.size()); }

private:
    std::string_view left_;
    bool failed_ = false;
};

class PacketReader final {
public:
    PacketReader(SeenPacket& packet, std::uint8_t header, std::string_view body, Version version)
        : packet_(packet), reader_(body), header_(header), v5_(version == Version::V5) {}

    /// Why the packet is wrong; empty if it is not.
    std::string read() {
        const std::string& name = packet_.name;
        const bool tail = name == "PUBACK" || name == "PUBREC" || name == "PUBREL" ||
                          name == "PUBCOMP" || name == "DISCONNECT" || name == "AUTH";
        if (name == "CONNACK") {
            const auto flags = reader_.number(1);
            if (flags > 1) return "reserved acknowledge flags";
            number("session_present", flags);
            number("reason", reader_.number(1));
            if (v5_) properties();
        } else if (name == "PUBLISH") {
            publish();
        } else if (name == "SUBACK" || name == "UNSUBACK") {
            number("id", reader_.number(2));
            if (v5_) properties();
            Field& reasons = add("reasons");
            while (!reader_.done()) reasons.numbers.push_back(reader_.number(1));
        } else if (tail) {
            if (!v5_ && (name == "DISCONNECT" || name == "AUTH")) return "not a packet of MQTT 3";
            acknowledgement(name != "DISCONNECT" && name != "AUTH");
        } else if (name != "PINGRESP") {
            return "only a client sends it";
        }
        if (reader_.failed()) return "cut off";
        return reader_.done() ? problem_ : "bytes behind its end";
    }

private:
    Field& add(std::string_view name) {
        packet_.fields.push_back({});
        packet_.fields.back().name = name;
        return packet_.fields.back();
    }
    void number(std::string_view name, std::uint64_t value) { add(name).numbers = {value}; }
    void text(std::string_view name, std::string_view value) {
        Field& field = add(name);
        field.text = value;
        field.is_text = true;
    }

    void publish() {
        const unsigned qos = header_ >> 1U & 3U;
        if (qos == 3) problem_ = "QoS 3";
        number("dup", header_ >> 3U & 1U);
        number("qos", qos);
        number("retain", header_ & 1U);
        text("topic", reader_.string());
        if (qos != 0) {
            number("id", reader_.number(2));
            if (packet_.fields.back().numbers[0] == 0) problem_ = "packet id 0";
        }
        if (v5_) properties();
        text("payload", reader_.rest());
    }

    void acknowledgement(bool with_id) {
        if (with_id) number("id", reader_.number(2));
        number("reason", v5_ && !reader_.done() ? reader_.number(1) : 0);
        if (v5_ && !reader_.done()) properties();
    }

    void properties() {
        const std::size_t length = reader_.variable();
        Reader section(reader_.take(length));
        while (!section.done()) {
            const auto id = section.number(1);
            const auto* row = std::find_if(kProperties.begin(), kProperties.end(),
                                           [id](const PropertyRow& each) { return each.id == id; });
            if (row == kProperties.end()) {
                problem_ = fmt::format("unknown property {:#04x}", id);
                return;
            }
            property(*row, section);
        }
        if (section.failed()) problem_ = "properties cut off";
    }

    void property(const PropertyRow& row, Reader& section) {
        switch (row.type) {
            case WireType::Byte:
                number(row.name, section.number(1));
                break;
            case WireType::Two:
                number(row.name, section.number(2));
                break;
            case WireType::Four:
                number(row.name, section.number(4));
                break;
            case WireType::Variable:
                number(row.name, section.variable());
                break;
            case WireType::Text:
            case WireType::Binary:
                text(row.name, section.string());
                break;
            case WireType::Pair: {
                const std::string first(section.string());
                text(row.name, first + ":" + std::string(section.string()));
                break;
            }
        }
        packet_.fields.back().property = true;
    }

    SeenPacket& packet_;
    Reader reader_;
    std::uint8_t header_;
    bool v5_;
    std::string problem_;
};

void make_malformed(SeenPacket& packet, std::string why) {
    Field field;
    field.name = "why";
    field.text = packet.name + ": " + why;
    field.is_text = true;
    packet.name = "MALFORMED";
    packet.fields = {field};
}

}  // namespace

std::string Field::value() const {
    if (is_text) return shown(text);
    const bool reason = name == "reason" || name == "reasons";
    std::string out;
    for (const std::uint64_t number : numbers) {
        if (!out.empty()) out += ',';
        out += reason ? fmt::format("{:#04x}", number) : fmt::format("{}", number);
    }
    return out;
}

std::string SeenPacket::text() const {
    std::string out = name;
    for (const Field& field : fields) out += fmt::format(" {}={}", field.name, field.value());
    if (name == "MALFORMED") out += " bytes " + hex(bytes);
    return out;
}

std::optional<SeenPacket> take_packet(std::string& stream, Version version) {
    if (stream.size() < 2) return {};
    std::size_t at = 1;
    std::size_t length = 0;
    for (unsigned shift = 0; at < stream.size(); shift += 7) {
        const auto next = static_cast<std::uint8_t>(stream[at++]);
        length |= static_cast<std::size_t>(next & 0x7FU) << shift;
        if (next < 0x80) break;
        if (shift == 21) length = 0;  // a fifth byte: what follows is not MQTT, the type says so
        if (at == stream.size()) return {};
    }
    if (stream.size() < at + length) return {};
    const auto header = static_cast<std::uint8_t>(stream[0]);
    SeenPacket packet;
    packet.bytes = stream.substr(0, at + length);
    stream.erase(0, at + length);
    const auto* row = std::find_if(kPackets.begin(), kPackets.end(),
                                   [header](const PacketRow& p) { return p.type == header >> 4U; });
    if (row == kPackets.end()) {
        make_malformed(packet, "packet type 0");
        return packet;
    }
    packet.name = row->name;
    std::string why;
    if (row->name != "PUBLISH" && (header & 0x0FU) != row->flags) {
        why = "reserved flags of the fixed header";
    } else {
        const std::string body = packet.bytes.substr(at);
        why = PacketReader(packet, header, body, version).read();
    }
    if (!why.empty()) make_malformed(packet, why);
    return packet;
}

}  // namespace vmq::conformance
