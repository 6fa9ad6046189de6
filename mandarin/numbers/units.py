"""Words that say what a number counts: measure words and units, as they stand right behind a number."""

from __future__ import annotations

MONEY = ("人民币", "美元", "欧元", "日元", "英镑", "港币", "块钱", "元钱", "块", "元", "圆")
LENGTHS = ("厘米", "毫米", "公分", "微米", "纳米", "米", "公尺", "寸", "英寸", "cm", "mm", "m")
_METRIC = (
    *("平方米", "平方公里", "平方", "立方米", "立方", "公里", "千米", "海里", "英里", "英尺", "厘米", "毫米", "公分"),
    *("微米", "纳米", "公斤", "千克", "毫克", "微克", "克", "斤", "吨", "毫升", "升", "磅", "盎司", "里地", "里"),
    *("摄氏度", "华氏度", "度", "千瓦时", "千瓦", "瓦", "伏", "安", "赫兹", "兆", "千卡", "大卡", "卡", "焦", "帕"),
    *("毫米汞柱", "毫摩尔", "微摩尔", "单位", "码", "迈", "公顷", "亩", "千米", "米", "倍", "折", "成", "分贝", "像素"),
)
_TIMES = (
    *("小时", "钟头", "分钟", "秒钟", "秒", "分", "天", "日", "号", "周", "星期", "礼拜", "个月", "月", "年", "岁"),
    *("周岁", "世纪", "年代", "季度", "代", "点钟", "点", "时", "刻钟", "晚", "夜", "周年", "学时", "课时"),
)
_COUNTERS = (
    *"个位人张份次间件台名口只条把本支枝根颗粒片块瓶杯碗盘盒袋包箱桶罐套双对副幅辆架艘列趟班节门",
    *"项款种类样家户座栋幢层楼房室床排行列页章节课集期届级路线段篇首句遍回场局盘圈步队组批群股匹尾棵株朵滴"
    "道扇面堵篇封通声顿番票笔桩宗例处所员",
    *("人次", "人份", "公司", "同学", "学生", "平米", "号楼", "号线", "号房", "号床", "单元", "病区", "车厢", "车次"),
    *("分之", "毛钱", "分钱", "毛", "角", "块钱", "多", "余", "来", "左右", "上下", "以上", "以下", "以内", "岁半"),
)
UNITS = frozenset([*MONEY, *LENGTHS, *_METRIC, *_TIMES, *_COUNTERS])
"""What a number may count."""
_LONGEST = max(map(len, UNITS))


def unit_at(text: str, place: int) -> str:
    """Return the longest unit that stands at a place of a text, "" for none."""
    for length in range(min(_LONGEST, len(text) - place), 0, -1):
        if text[place : place + length] in UNITS:
            return text[place : place + length]
    return ""
