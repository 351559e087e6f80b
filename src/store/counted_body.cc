#include "store/counted_body.h"

#include <deque>
#include <vector>

#include "store/coding.h"

namespace vmq::store {
namespace {

constexpr std::uint8_t kVersion = 1;

std::string_view view_of(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

/// What values and changes in their order amount to.
class Sum final {
public:
    void add(std::string_view bytes) {
        CountedBody value;
        if (!decode_counted_body(bytes, value)) return;
        total_.count += value.count;
        if (!value.body.empty()) total_.body = value.body;
    }
    void write(std::string& out) const {
        out.clear();
        encode_counted_body({total_.count, total_.count > 0 ? total_.body : std::string_view{}},
                            out);
    }

private:
    CountedBody total_;
};

class CountingMerge final : public rocksdb::MergeOperator {
public:
    [[nodiscard]] const char* Name() const override { return "vmq.counting.1"; }

    bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
        Sum sum;
        if (in.existing_value != nullptr) sum.add(view_of(*in.existing_value));
        for (const rocksdb::Slice& operand : in.operand_list) sum.add(view_of(operand));
        sum.write(out->new_value);
        return true;
    }

    bool PartialMergeMulti(const rocksdb::Slice& /*key*/,
                           const std::deque<rocksdb::Slice>& operands, std::string* result,
                           rocksdb::Logger* /*logger*/) const override {
        Sum sum;
        for (const rocksdb::Slice& operand : operands) sum.add(view_of(operand));
        sum.write(*result);
        return true;
    }
};

class DeadBodyFilter final : public rocksdb::CompactionFilter {
public:
    [[nodiscard]] const char* Name() const override { return "vmq.dead_body.1"; }

    bool Filter(int /*level*/, const rocksdb::Slice& key, const rocksdb::Slice& bytes,
                std::string* /*new_value*/, bool* /*value_changed*/) const override {
        CountedBody value;
        return key.size() == 8 && decode_counted_body(view_of(bytes), value) && value.count <= 0;
    }

    [[nodiscard]] bool FilterMergeOperand(int /*level*/, const rocksdb::Slice& /*key*/,
                                          const rocksdb::Slice& bytes) const override {
        CountedBody change;
        return decode_counted_body(view_of(bytes), change) && change.count == 0 &&
               change.body.empty();
    }
};

}  // namespace

void encode_counted_body_head(std::int64_t count, std::string& out) {
    detail::append_u8(kVersion, out);
    detail::append_signed(count, out);
}

void encode_counted_body(const CountedBody& value, std::string& out) {
    encode_counted_body_head(value.count, out);
    out.append(value.body);
}

bool decode_counted_body(std::string_view bytes, CountedBody& value) {
    detail::ByteReader reader(bytes);
    std::uint8_t version = 0;
    if (!reader.read_u8(version) || version != kVersion || !reader.read_signed(value.count)) {
        return false;
    }
    value.body = reader.rest();
    return true;
}

std::shared_ptr<rocksdb::MergeOperator> make_counting_merge_operator() {
    return std::make_shared<CountingMerge>();
}

const rocksdb::CompactionFilter* dead_body_filter() noexcept {
    static const DeadBodyFilter filter;
    return &filter;
}

}  // namespace vmq::store
