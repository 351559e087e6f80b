#include "logging/record.h"

#include <algorithm>
#include <cstring>

namespace vmq::logging {
namespace {

// Record := Head text Field*    Field := FieldHead text
// Never leaves the process: names and places are pointers to literals.
struct Head {
    std::int64_t time_us;
    const char* file;
    std::uint32_t line;
    std::int32_t thread;
    std::uint32_t text_size;
    std::uint16_t fields;
    log::Level level;
    log::Module module;
};
struct FieldHead {
    const char* name;
    std::uint64_t number;
    std::uint32_t text_size;
    std::uint16_t name_size;
    log::Field::Kind kind;
};

std::string_view cut(std::string_view text) noexcept { return text.substr(0, log::kLongestText); }

template <typename Part>
void append(std::string& bytes, const Part& part) {
    bytes.append(reinterpret_cast<const char*>(&part), sizeof part);
}

template <typename Part>
Part take(std::string_view& bytes) {
    Part part;
    std::memcpy(&part, bytes.data(), sizeof part);
    bytes.remove_prefix(sizeof part);
    return part;
}

std::string_view take_text(std::string_view& bytes, std::size_t size) {
    const std::string_view text = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return text;
}

}  // namespace

std::size_t packed_size(const log::Line& line) noexcept {
    std::size_t size = sizeof(Head) + cut(line.text).size();
    for (const log::Field& field : line.fields) size += sizeof(FieldHead) + cut(field.text).size();
    return size;
}

void append_record(std::string& bytes, const log::Line& line, std::int64_t time_us,
                   std::int32_t thread) {
    const std::string_view text = cut(line.text);
    append(bytes,
           Head{time_us, line.place.file, line.place.line, thread,
                static_cast<std::uint32_t>(text.size()),
                static_cast<std::uint16_t>(line.fields.size()), line.level, line.place.module});
    bytes += text;
    for (const log::Field& field : line.fields) {
        const std::string_view value = cut(field.text);
        append(bytes,
               FieldHead{field.name.data(), field.number, static_cast<std::uint32_t>(value.size()),
                         static_cast<std::uint16_t>(field.name.size()), field.kind});
        bytes += value;
    }
}

std::size_t count_records(std::string_view bytes) noexcept {
    std::size_t count = 0;
    for (; !bytes.empty(); ++count) {
        const auto head = take<Head>(bytes);
        bytes.remove_prefix(head.text_size);
        for (unsigned i = 0; i < head.fields; ++i) {
            bytes.remove_prefix(take<FieldHead>(bytes).text_size);
        }
    }
    return count;
}

void take_record(std::string_view& bytes, Record& record) {
    const auto head = take<Head>(bytes);
    record.time_us = head.time_us;
    record.thread = head.thread;
    record.level = head.level;
    record.place.file = head.file;
    record.place.line = head.line;
    record.place.module = head.module;
    record.text = take_text(bytes, head.text_size);
    record.fields.clear();
    for (unsigned i = 0; i < head.fields; ++i) {
        const auto field = take<FieldHead>(bytes);
        const std::string_view name(field.name, field.name_size);
        const std::string_view text = take_text(bytes, field.text_size);
        log::Field& taken = record.fields.emplace_back(name, text);
        taken.kind = field.kind;
        taken.number = field.number;
    }
}

}  // namespace vmq::logging
