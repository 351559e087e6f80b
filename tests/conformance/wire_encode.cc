#include <algorithm>
#include <charconv>

#include "conformance/wire.h"
#include "conformance/wire_tables.h"

namespace vmq::conformance {
namespace {

Error bad(std::string what) { return {ErrorCode::InvalidValue, std::move(what)}; }

void put_u8(std::uint64_t value, std::string& out) { out += static_cast<char>(value & 0xFFU); }
void put_u16(std::uint64_t value, std::string& out) {
    put_u8(value >> 8U, out);
    put_u8(value, out);
}
void put_u32(std::uint64_t value, std::string& out) {
    put_u16(value >> 16U, out);
    put_u16(value, out);
}
void put_variable(std::uint64_t value, std::string& out) {
    do {
        const std::uint64_t rest = value >> 7U;
        put_u8((value & 0x7FU) | (rest != 0 ? 0x80U : 0U), out);
        value = rest;
    } while (value != 0);
}
void put_string(std::string_view text, std::string& out) {
    put_u16(text.size(), out);
    out += text;
}

/// Numbers of one packet's words; remembers the first word that is no number.
class Fields final {
public:
    explicit Fields(const std::vector<Word>& words) : words_(words) {}

    [[nodiscard]] bool has(std::string_view key) const { return find_word(words_, key) != nullptr; }
    [[nodiscard]] std::string text(std::string_view key) const {
        const Word* word = find_word(words_, key);
        return word != nullptr ? word->value : std::string();
    }
    std::uint64_t number(std::string_view key, std::uint64_t otherwise) {
        const Word* word = find_word(words_, key);
        return word != nullptr ? to_number(*word) : otherwise;
    }
    std::uint64_t to_number(const Word& word) {
        const auto value = parse_number(word.value);
        if (!value && problem.empty()) problem = word.key + " is not a number: " + word.value;
        return value.value_or(0);
    }

    std::string problem;

private:
    const std::vector<Word>& words_;
};

const PropertyRow* find_property(std::string_view name) {
    const auto* row = std::find_if(kProperties.begin(), kProperties.end(),
                                   [name](const PropertyRow& each) { return each.name == name; });
    return row == kProperties.end() ? nullptr : row;
}

void put_property(const PropertyRow& row, const Word& word, Fields& fields, std::string& out) {
    put_u8(row.id, out);
    switch (row.type) {
        case WireType::Byte:
            return put_u8(fields.to_number(word), out);
        case WireType::Two:
            return put_u16(fields.to_number(word), out);
        case WireType::Four:
            return put_u32(fields.to_number(word), out);
        case WireType::Variable:
            return put_variable(fields.to_number(word), out);
        case WireType::Text:
        case WireType::Binary:
            return put_string(word.value, out);
        case WireType::Pair: {
            const std::size_t colon = word.value.find(':');
            put_string(word.value.substr(0, colon), out);
            put_string(colon == std::string::npos ? "" : word.value.substr(colon + 1), out);
        }
    }
}

/// Appends length and properties: those of the words that are properties, with `prefix` before
/// their names. `raw_property="\x11..."` adds bytes as they are.
void put_properties(const std::vector<Word>& words, std::string_view prefix, Fields& fields,
                    std::string& out) {
    std::string section;
    for (const Word& word : words) {
        if (!word.key.starts_with(prefix)) continue;
        // will_delay_interval is a property of the will whose own name begins like the prefix.
        const bool delay = word.key == "will_delay_interval";
        if (delay && prefix.empty()) continue;
        const std::string_view name =
            delay ? std::string_view(word.key) : std::string_view(word.key).substr(prefix.size());
        if (name == "raw_property") section += word.value;
        if (const PropertyRow* row = find_property(name)) put_property(*row, word, fields, section);
    }
    put_variable(section.size(), out);
    out += section;
}

bool has_properties(const std::vector<Word>& words) {
    return std::any_of(words.begin(), words.end(), [](const Word& word) {
        return find_property(word.key) != nullptr || word.key == "raw_property" ||
               word.key == "properties";
    });
}

void put_connect(const std::vector<Word>& words, Version version, Fields& fields,
                 std::string& out) {
    const bool will = fields.has("will_topic");
    put_string(fields.has("protocol_name") ? fields.text("protocol_name")
               : version == Version::V31   ? "MQIsdp"
                                           : "MQTT",
               out);
    put_u8(fields.number("level", static_cast<std::uint64_t>(version)), out);
    std::uint64_t flags = fields.number("clean_start", 1) << 1U;
    if (will) {
        flags |= 4U | fields.number("will_qos", 0) << 3U | fields.number("will_retain", 0) << 5U;
    }
    if (fields.has("password")) flags |= 0x40U;
    if (fields.has("username")) flags |= 0x80U;
    put_u8(fields.number("flags", flags), out);
    put_u16(fields.number("keep_alive", 0), out);
    if (version == Version::V5) put_properties(words, "", fields, out);
    put_string(fields.text("client_id"), out);
    if (will) {
        if (version == Version::V5) put_properties(words, "will_", fields, out);
        put_string(fields.text("will_topic"), out);
        put_string(fields.text("will_payload"), out);
    }
    if (fields.has("username")) put_string(fields.text("username"), out);
    if (fields.has("password")) put_string(fields.text("password"), out);
}

void put_publish(const std::vector<Word>& words, Version version, Fields& fields,
                 std::string& out) {
    put_string(fields.text("topic"), out);
    if (fields.number("qos", 0) != 0) put_u16(fields.number("id", 0), out);
    if (version == Version::V5) put_properties(words, "", fields, out);
    out += fields.text("payload");
}

/// Options follow their topic: topic=a qos=1 nl=1 rap=1 rh=2, or options=0x2d.
void put_subscribe(const std::vector<Word>& words, Version version, Fields& fields,
                   std::string& out) {
    put_u16(fields.number("id", 0), out);
    if (version == Version::V5) put_properties(words, "", fields, out);
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i].key != "topic") continue;
        put_string(words[i].value, out);
        std::uint64_t options = 0;
        for (std::size_t j = i + 1; j < words.size() && words[j].key != "topic"; ++j) {
            const std::string& key = words[j].key;
            if (key == "qos") options |= fields.to_number(words[j]);
            if (key == "nl") options |= fields.to_number(words[j]) << 2U;
            if (key == "rap") options |= fields.to_number(words[j]) << 3U;
            if (key == "rh") options |= fields.to_number(words[j]) << 4U;
            if (key == "options") options = fields.to_number(words[j]);
        }
        put_u8(options, out);
    }
}

void put_unsubscribe(const std::vector<Word>& words, Version version, Fields& fields,
                     std::string& out) {
    put_u16(fields.number("id", 0), out);
    if (version == Version::V5) put_properties(words, "", fields, out);
    for (const Word& word : words) {
        if (word.key == "topic") put_string(word.value, out);
    }
}

/// The end of acknowledgements, DISCONNECT and AUTH: only as long as the words make it.
void put_reason(const std::vector<Word>& words, Version version, Fields& fields, std::string& out) {
    const bool properties = has_properties(words);
    if (!properties && !fields.has("reason")) return;
    put_u8(fields.number("reason", 0), out);
    if (version == Version::V5 && properties) put_properties(words, "", fields, out);
}

}  // namespace

std::optional<Version> parse_version(std::string_view name) {
    if (name == "v31") return Version::V31;
    if (name == "v311") return Version::V311;
    if (name == "v5") return Version::V5;
    return {};
}

Result<std::string> encode_packet(const std::vector<Word>& words, Version version) {
    if (words.empty()) return bad("no packet");
    const std::string& name = words[0].value;
    const auto* row = std::find_if(kPackets.begin(), kPackets.end(),
                                   [&](const PacketRow& each) { return each.name == name; });
    if (row == kPackets.end()) return bad("unknown packet " + name);
    Fields fields(words);
    std::string body;
    std::uint64_t flags = row->flags;
    if (name == "CONNECT") {
        put_connect(words, version, fields, body);
    } else if (name == "PUBLISH") {
        flags = fields.number("dup", 0) << 3U | fields.number("qos", 0) << 1U |
                fields.number("retain", 0);
        put_publish(words, version, fields, body);
    } else if (name == "SUBSCRIBE") {
        put_subscribe(words, version, fields, body);
    } else if (name == "UNSUBSCRIBE") {
        put_unsubscribe(words, version, fields, body);
    } else if (name != "PINGREQ") {
        if (fields.has("id")) put_u16(fields.number("id", 0), body);
        put_reason(words, version, fields, body);
    }
    std::string packet;
    put_u8(static_cast<std::uint64_t>(row->type) << 4U | fields.number("header_flags", flags),
           packet);
    put_variable(body.size(), packet);
    if (!fields.problem.empty()) return bad(fields.problem);
    return packet + body;
}

}  // namespace vmq::conformance
