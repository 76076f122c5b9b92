"""Items and the factors behind them: do forms measure, and do they measure the same?"""
