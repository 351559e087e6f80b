#include "vmq-admin/top_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <utility>

#include "mqtt/packet_text.h"

namespace vmq::admin_tool {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 4> kSortNames{"messages", "in", "out", "bytes"};
/// Clients and topics shown when there is no end of room.
constexpr std::size_t kRowsWithoutEnd = 10;

/// Columns that the character beginning with `lead` takes; wide ones are those of East Asia and
/// pictures, as near as three bytes tell.
std::size_t columns_of(unsigned char lead) noexcept {
    if ((lead & 0xC0U) == 0x80) return 0;  // belongs to the one before
    return lead >= 0xE3 ? 2 : 1;
}

/// The beginning of `text` that has room.
std::string cut(std::string_view text, std::size_t width) {
    std::size_t used = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        used += columns_of(static_cast<unsigned char>(text[i]));
        if (used > width) return std::string(text.substr(0, i));
    }
    return std::string(text);
}

std::size_t width_of(std::string_view text) noexcept {
    std::size_t used = 0;
    for (const char byte : text) used += columns_of(static_cast<unsigned char>(byte));
    return used;
}

/// Filled up with blanks behind it, or cut.
std::string left(std::string_view text, std::size_t width) {
    std::string out = cut(text, width);
    out.append(width - width_of(out), ' ');
    return out;
}

std::string printable(std::string_view text) {
    std::string out;
    mqtt::append_printable(text, out);
    return out;
}

/// "12.3K": at most six columns.
std::string short_number(double number) {
    constexpr std::array<const char*, 5> kUnits{"", "K", "M", "G", "T"};
    std::size_t unit = 0;
    while (number >= 9999.5 && unit + 1 < kUnits.size()) {
        number /= 1000;
        ++unit;
    }
    if (unit == 0)
        return number < 100 ? fmt::format("{:.1f}", number) : fmt::format("{:.0f}", number);
    return fmt::format("{:.{}f}{}", number, number < 1000 ? 1 : 0, kUnits[unit]);
}

double number_at(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_number()) return 0;
    return value->to_number<double>();
}

std::string text_at(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return printable({value->get_string().data(), value->get_string().size()});
}

const json::object& object_at(const json::object& object, std::string_view key) {
    static const json::object none;
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_object() ? value->get_object() : none;
}

std::vector<json::object> rows_at(const json::object& object, std::string_view key) {
    std::vector<json::object> rows;
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_array()) return rows;
    for (const json::value& each : value->get_array()) {
        if (each.is_object()) rows.push_back(each.get_object());
    }
    return rows;
}

std::string duration(std::uint64_t seconds) {
    if (seconds < 60) return fmt::format("{} s", seconds);
    if (seconds < 3600) return fmt::format("{} min", seconds / 60);
    if (seconds < 48 * 3600)
        return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
    return fmt::format("{} days", seconds / 86'400);
}

/// "<=100us", "<=1ms", ">1s".
std::string bound(const json::object& row, std::string_view key, bool measured) {
    const json::value* value = row.if_contains(key);
    if (!measured) return "-";
    if (value == nullptr || !value->is_number()) return ">1s";
    const auto us = value->to_number<std::uint64_t>();
    if (us >= 1'000'000) return fmt::format("<={}s", us / 1'000'000);
    return us >= 1000 ? fmt::format("<={}ms", us / 1000) : fmt::format("<={}us", us);
}

double key_of(const json::object& client, TopSort sort) {
    const double in = number_at(client, "messages_in");
    const double out = number_at(client, "messages_out");
    switch (sort) {
        case TopSort::Messages:
            return in + out;
        case TopSort::In:
            return in;
        case TopSort::Out:
            return out;
        case TopSort::Bytes:
            return number_at(client, "bytes_in") + number_at(client, "bytes_out");
    }
    return 0;
}

class Screen final {
public:
    Screen(const json::object& picture, TopSize size) : picture_(picture), size_(size) {}

    std::vector<std::string> lines(TopSort sort) {
        head(sort);
        shards();
        latency();
        const auto clients = client_lines(sort);
        const auto topics = topic_lines();
        std::size_t for_clients = kRowsWithoutEnd;
        std::size_t for_topics = kRowsWithoutEnd;
        if (size_.height) {
            // Two heads and the blank lines before them.
            const std::size_t taken = lines_.size() + 4;
            const std::size_t room = *size_.height > taken ? *size_.height - taken : 0;
            for_topics = std::min(topics.size() - 1, room / 2);
            for_clients = room - for_topics;
        }
        block(clients, for_clients);
        block(topics, for_topics);
        if (size_.height && lines_.size() > *size_.height) lines_.resize(*size_.height);
        return std::move(lines_);
    }

private:
    void add(std::string_view line) {
        std::string shown = cut(line, size_.width);
        while (shown.ends_with(' ')) shown.pop_back();
        lines_.push_back(std::move(shown));
    }

    void head(TopSort sort) {
        const json::object& rates = object_at(picture_, "rates");
        const auto rate = [&](std::string_view key) { return short_number(number_at(rates, key)); };
        add(fmt::format("{}  vernemq {}  up {}  every {:.1f} s  by {}", text_at(picture_, "node"),
                        text_at(picture_, "version"),
                        duration(static_cast<std::uint64_t>(number_at(picture_, "uptime_s"))),
                        number_at(picture_, "interval_ms") / 1000, name_of(sort)));
        add(fmt::format(
            "connections {:.0f}  sessions {:.0f}  subscriptions {:.0f}  retained {:.0f}",
            number_at(picture_, "connections"), number_at(picture_, "sessions"),
            number_at(picture_, "subscriptions"), number_at(picture_, "retained")));
        add("");
        add(fmt::format("{:<12}{:>9}{:>9}  {:<12}{:>9}", "per second", "in", "out", "", ""));
        const auto row = [&](std::string_view name, std::string_view in, std::string_view out,
                             std::string_view other, std::string_view value) {
            add(fmt::format("{:<12}{:>9}{:>9}  {:<12}{:>9}", name, rate(in), rate(out), other,
                            rate(value)));
        };
        row("publish", "publish_in", "publish_out", "connects", "connects");
        row("bytes", "bytes_in", "bytes_out", "closed", "connections_closed");
        row("queues", "queue_in", "queue_out", "drops", "drops");
        std::string reasons;
        for (const auto& [name, value] : object_at(rates, "drops_by_reason")) {
            if (!value.is_number() || value.to_number<double>() == 0) continue;
            reasons += fmt::format("  {} {}", std::string_view(name),
                                   short_number(value.to_number<double>()));
        }
        if (!reasons.empty()) add("not delivered:" + reasons);
    }

    void shards() {
        std::string line = "shards busy";
        for (const json::object& shard : rows_at(picture_, "shards")) {
            line += fmt::format("  {:.0f}: {:.0f} %", number_at(shard, "shard"),
                                number_at(shard, "busy_percent"));
        }
        add(line);
        const double missing = number_at(picture_, "shards_missing");
        if (missing > 0) add(fmt::format("{:.0f} shards have not answered", missing));
    }

    void latency() {
        add("");
        add(fmt::format("{:<34}{:>9}{:>9}{:>9}", "took", "/s", "p50", "p99"));
        for (const json::object& row : rows_at(picture_, "latency")) {
            const double count = number_at(row, "per_second");
            add(left(text_at(row, "what"), 34) + fmt::format("{:>9}{:>9}{:>9}", short_number(count),
                                                             bound(row, "p50_us", count > 0),
                                                             bound(row, "p99_us", count > 0)));
        }
    }

    /// What is left of the width for the name in front of numbers.
    [[nodiscard]] std::size_t name_width(std::size_t numbers) const {
        return size_.width > numbers + 12 ? std::min<std::size_t>(size_.width - numbers, 60) : 12;
    }

    std::vector<std::string> client_lines(TopSort sort) const {
        auto clients = rows_at(picture_, "clients");
        std::ranges::stable_sort(clients, std::greater(),
                                 [sort](const auto& each) { return key_of(each, sort); });
        const std::size_t width = name_width(40);
        std::vector<std::string> lines{
            left("client", width) +
            fmt::format("{:>10}{:>10}{:>10}{:>10}", "msg in", "msg out", "bytes in", "bytes out")};
        for (const json::object& client : clients) {
            std::string name = text_at(client, "client_id");
            const std::string mountpoint = text_at(client, "mountpoint");
            if (!mountpoint.empty()) name += " (" + mountpoint + ")";
            const auto number = [&](std::string_view key) {
                return short_number(number_at(client, key));
            };
            lines.push_back(left(name, width) +
                            fmt::format("{:>10}{:>10}{:>10}{:>10}", number("messages_in"),
                                        number("messages_out"), number("bytes_in"),
                                        number("bytes_out")));
        }
        return lines;
    }

    std::vector<std::string> topic_lines() const {
        const std::size_t width = name_width(40);
        std::vector<std::string> lines{left("topic", width) +
                                       fmt::format("{:>10}{:>20}", "published", "bytes")};
        for (const json::object& topic : rows_at(picture_, "topics")) {
            lines.push_back(left(text_at(topic, "topic"), width) +
                            fmt::format("{:>10}{:>20}", short_number(number_at(topic, "messages")),
                                        short_number(number_at(topic, "bytes"))));
        }
        return lines;
    }

    /// The head, and up to `rows` of the rest.
    void block(const std::vector<std::string>& lines, std::size_t rows) {
        add("");
        for (std::size_t i = 0; i < std::min(lines.size(), rows + 1); ++i) add(lines[i]);
    }

    const json::object& picture_;
    const TopSize size_;
    std::vector<std::string> lines_;
};

}  // namespace

std::string_view name_of(TopSort sort) noexcept {
    return kSortNames[static_cast<std::size_t>(sort)];
}

std::optional<TopSort> top_sort_of(std::string_view name) noexcept {
    const auto found = std::ranges::find(kSortNames, name);
    if (found == kSortNames.end()) return std::nullopt;
    return static_cast<TopSort>(found - kSortNames.begin());
}

TopSort next(TopSort sort) noexcept {
    return static_cast<TopSort>((static_cast<std::size_t>(sort) + 1) % kSortNames.size());
}

Result<std::vector<std::string>> top_screen(std::string_view picture, TopSize size, TopSort sort) {
    json::error_code error;
    const json::value value = json::parse({picture.data(), picture.size()}, error);
    if (error || !value.is_object()) {
        return Error{ErrorCode::SyntaxError, "the broker's answer is not understood"};
    }
    return Screen(value.get_object(), size).lines(sort);
}

}  // namespace vmq::admin_tool
