#include "admin/commands/wire.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <utility>

namespace vmq::admin::commands {
namespace {

namespace json = boost::json;

constexpr std::size_t kHead = 5;

void append_frame(std::string& out, char kind, std::string_view bytes) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    out += kind;
    for (int shift = 24; shift >= 0; shift -= 8) {
        out += static_cast<char>(static_cast<unsigned char>(size >> static_cast<unsigned>(shift)));
    }
    out += bytes;
}

void append_output(std::string& out, char kind, std::string_view text) {
    while (!text.empty()) {
        const std::size_t size = std::min(text.size(), kMaxFrame);
        append_frame(out, kind, text.substr(0, size));
        text.remove_prefix(size);
    }
}

std::size_t length_at(std::string_view head) {
    std::size_t length = 0;
    for (const char byte : head.substr(1, 4))
        length = length << 8U | static_cast<unsigned char>(byte);
    return length;
}

}  // namespace

std::string encode(const Request& request) {
    json::array words;
    // JSON holds text only; other bytes of a command line could not be a name of anything.
    for (const std::string& word : request.words) words.emplace_back(valid_utf8(word));
    json::object object;
    object["words"] = std::move(words);
    object["terminal"] = request.terminal;
    return std::string(kRequestStart) + json::serialize(object) + "\n";
}

Result<Request> decode_request(std::string_view line) {
    const Error wrong{ErrorCode::SyntaxError, "not a request of vmq-admin"};
    if (!line.starts_with(kRequestStart)) return wrong;
    line.remove_prefix(kRequestStart.size());
    json::error_code error;
    const json::value value = json::parse({line.data(), line.size()}, error);
    const json::object* object = error ? nullptr : value.if_object();
    const json::value* words = object == nullptr ? nullptr : object->if_contains("words");
    if (words == nullptr || !words->is_array()) return wrong;
    Request request;
    for (const json::value& word : words->get_array()) {
        if (!word.is_string()) return wrong;
        request.words.emplace_back(word.get_string().data(), word.get_string().size());
    }
    const json::value* terminal = object->if_contains("terminal");
    request.terminal = terminal != nullptr && terminal->is_bool() && terminal->get_bool();
    return request;
}

std::string encode(const Printed& printed) {
    std::string out;
    append_output(out, 'o', printed.out);
    append_output(out, 'e', printed.err);
    if (!printed.stream) {
        append_frame(out, 'x', std::string(1, static_cast<char>(printed.status)));
    }
    return out;
}

std::string encode(const Stream::Piece& piece) {
    std::string out;
    append_output(out, 'o', piece.out);
    if (piece.status) append_frame(out, 'x', std::string(1, static_cast<char>(*piece.status)));
    return out;
}

void AnswerReader::add(std::string_view bytes) {
    buffer_.erase(0, used_);
    used_ = 0;
    buffer_ += bytes;
}

std::optional<AnswerReader::Piece> AnswerReader::next() {
    if (broken_ || status_) return std::nullopt;
    const std::string_view rest = std::string_view(buffer_).substr(used_);
    if (rest.size() < kHead) return std::nullopt;
    const char kind = rest[0];
    const std::size_t length = length_at(rest);
    broken_ = length > kMaxFrame || (kind != 'o' && kind != 'e' && kind != 'x') ||
              (kind == 'x' && length != 1);
    if (broken_ || rest.size() < kHead + length) return std::nullopt;
    used_ += kHead + length;
    const std::string_view bytes = rest.substr(kHead, length);
    if (kind == 'x') {
        status_ = static_cast<unsigned char>(bytes[0]);
        return std::nullopt;
    }
    return Piece{kind, bytes};
}

}  // namespace vmq::admin::commands
