// Any words as a command line, any bytes as a request or an answer: nothing breaks, and what is
// printed can be read.
#include <boost/json/parse.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "admin/commands/parser.h"
#include "admin/commands/table.h"
#include "admin/commands/wire.h"
#include "base/assert.h"

namespace vmq::admin::commands {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines(1);
    for (const char c : text) {
        if (c == '\n') {
            lines.emplace_back();
        } else {
            lines.back() += c;
        }
    }
    return lines;
}

void check_printing(std::string_view text) {
    Table cells{{"a", std::string(text)}, {{std::string(text), std::int64_t{1}}}};
    Answer answer = table(cells);
    answer.elements.emplace_back(Alert{std::string(text)});
    boost::json::error_code error;
    (void)boost::json::parse(print(answer, Format::Json, false).out, error);
    VMQ_ASSERT(!error);
    VMQ_ASSERT(!print(answer, Format::Human, true).out.empty());
    VMQ_ASSERT(print(answer, Format::Csv, false).out.ends_with("\r\n"));
}

void check_wire(std::string_view bytes) {
    const auto request = decode_request(bytes);
    if (request) {
        std::string line = encode(request.value());
        line.pop_back();
        VMQ_ASSERT(decode_request(line).value().words.size() == request.value().words.size());
    }
    AnswerReader reader;
    for (const char byte : bytes) {
        reader.add({&byte, 1});
        while (const auto piece = reader.next()) VMQ_ASSERT(piece->bytes.size() <= kMaxFrame);
    }
}

}  // namespace
}  // namespace vmq::admin::commands

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::admin::commands;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto words = lines_of(bytes);
    const Parsed parsed = parse(command_table(), words);
    if (const auto* invocation = std::get_if<Invocation>(&parsed.what)) {
        for (const Argument& argument : invocation->command().arguments) {
            VMQ_ASSERT(!argument.required || invocation->argument(argument.name));
        }
    } else {
        VMQ_ASSERT(!std::get<Answer>(parsed.what).elements.empty());
    }
    check_printing(bytes);
    check_wire(bytes);
    return 0;
}
