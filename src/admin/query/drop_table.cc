#include "admin/query/drop_table.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "admin/query/session_table.h"

namespace vmq::admin::query {
namespace {

constexpr std::array kFields{
    Field{"reason", Type::Text, "why they were not delivered", true},
    Field{"by", Type::Text, "what is counted in this row: reason, client or topic", true},
    Field{"mountpoint", Type::Text, "mountpoint of the client"},
    Field{"client_id", Type::Text, "client that did not get them, or published them", true},
    Field{"topic", Type::Text, "first levels of the topic", true},
    Field{"messages", Type::Integer, "messages since the node started", true},
    Field{"excess", Type::Integer, "at most so many of them are others'"},
};

class DropRow final : public Row {
public:
    explicit DropRow(std::array<Value, kFields.size()> cells) : cells_(std::move(cells)) {}

    [[nodiscard]] Value value(std::size_t field) const override { return cells_[field]; }

private:
    std::array<Value, kFields.size()> cells_;
};

Value text(std::string_view value) { return std::string(value); }
Value number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

void add_rows(const broker::DropPicture& drops, Selection& selection) {
    for (std::size_t i = 0; i < drops.totals.size(); ++i) {
        if (drops.totals[i] == 0) continue;
        selection.add(DropRow({text(name_of(static_cast<broker::Undelivered>(i))),
                               text("reason"),
                               {},
                               {},
                               {},
                               number(drops.totals[i]),
                               number(0)}));
    }
    for (const auto& client : drops.clients) {
        selection.add(DropRow({text(name_of(client.reason)),
                               text("client"),
                               text(client.mountpoint),
                               text(client.client_id),
                               {},
                               number(client.messages),
                               number(client.excess)}));
    }
    for (const auto& topic : drops.topics) {
        selection.add(DropRow({text(name_of(topic.reason)),
                               text("topic"),
                               {},
                               {},
                               text(topic.prefix),
                               number(topic.messages),
                               number(topic.excess)}));
    }
}

}  // namespace

std::span<const Field> DropTable::all_fields() noexcept { return kFields; }

std::vector<std::string> DropTable::scan(const Statement& statement, Selection& selection) {
    const Millis patience = statement.row_timeout().value_or(kRowTimeout);
    const broker::DropAnswer answer = broker::read_drops(broker_, patience);
    add_rows(answer.drops, selection);
    std::vector<std::string> missing;
    missing.reserve(answer.silent.size());
    for (const ShardId shard : answer.silent) {
        missing.push_back("Shard " + std::to_string(shard) + " has not answered within " +
                          std::to_string(patience.count()) + " ms: what it dropped is missing");
    }
    return missing;
}

}  // namespace vmq::admin::query
